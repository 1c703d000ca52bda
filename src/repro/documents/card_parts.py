"""What every data card is put together from."""

from collections.abc import Mapping, Sequence

import pandas as pd

from repro.simulation.planted import Parts
from repro.tables.rendering import markdown_table

NOT = (
    "no stand-in for the real files: its numbers say nothing about printed ones",
    "no shift: all splits are drawn alike, and label noise is the same everywhere",
    "no test of fairness: nobody differs from anybody but by chance",
    "not hard where real data are: {}",
)
RELIABLE = "a modality is reliable or pure noise, nothing between"
USE = (
    "to test methods and code against a known truth: whether a weighting finds what is "
    "unreliable, what it could gain at best, whether a shortcut pays",
    "not to choose a model for real data, nor to be told of without saying simulated",
)


def strengths(parts: Parts, modalities: Sequence[str], total: float) -> str:
    """The variance of every planted part of a score, as a table."""
    named = {
        f"only in {name}": strength
        for name, strength in zip(modalities, parts.unique, strict=True)
    }
    named |= {
        "in every modality": parts.shared,
        "products of two latents, one per modality": parts.synergy,
        "noise that nobody sees": parts.noise,
    }
    rows = [
        (name, f"{sd:.3f}", percent(sd**2 / total**2)) for name, sd in named.items()
    ]
    columns = ["part", "sd", "share of variance"]
    return markdown_table(pd.DataFrame(rows, columns=columns))


def reliability(
    unreliable: Mapping[str, float], sds: Sequence[float], blur: float
) -> str:
    """How often and how a modality is pure noise."""
    shares = ", ".join(f"{name} {percent(s)}" for name, s in unreliable.items())
    wide = " or ".join(f"{sd:g}" for sd in dict.fromkeys(sds))
    return (
        f"A modality is pure noise in a share of instances ({shares}), its latents "
        f"there with standard deviation {wide} in place of 1 (at 1 the noise is "
        f"hidden); elsewhere it sees its latents with noise of {blur:g}."
    )


def end(seed: int, easy: str = RELIABLE) -> list[str]:
    """Seed, licence, use and limits."""
    return [
        f"Seed {seed}. License: Apache-2.0, as the repository.",
        "## What it is for",
        *listed(USE),
        "## What it is not",
        *listed([line.format(easy) for line in NOT]),
    ]


def listed(lines: Sequence[str]) -> list[str]:
    """One list of Markdown."""
    return ["\n".join(f"- {line}" for line in lines)]


def table(key: str, value: str, facts: Mapping[str, str]) -> str:
    """Facts as a table of two columns."""
    return markdown_table(pd.DataFrame(list(facts.items()), columns=[key, value]))


def percent(share: float) -> str:
    """A share in percent.

    >>> percent(0.15), percent(0.0075)
    ('15 %', '0.75 %')
    """
    return f"{100 * share:.3g} %"


def joined(*parts: str) -> str:
    """Paragraphs of a page."""
    return "\n\n".join(parts) + "\n"
