"""docs/cards/data_*.md: what each simulated data set is, from its settings alone."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from repro.documents.card_parts import (
    end,
    joined,
    percent,
    reliability,
    strengths,
    table,
)
from repro.params import Params
from repro.params.datasets import Cohort, SimulatedSet
from repro.records import SPLITS
from repro.simulation import adni, adni_genetics, sentiment
from repro.simulation.icu import latents
from repro.simulation.icu import settings as icu
from repro.simulation.visits import plan as visits
from repro.tables.rendering import markdown_table, plain

WRITTEN = (
    "Written by `dvc repro cards` from simulators.yaml and the preset in force; an "
    "edit here is overwritten. Simulated: no person, no recording and no language is "
    "in it."
)
NEEDED = "a row needs one mechanism, and no mixture of them"


def data_cards(params: Params) -> dict[str, str]:
    """Text of every card by its file name without suffix.

    Units: strengths of the sentiment sets in label units, of the stays in standard
    deviations of the score.
    """
    sets = params.simulation.sets
    cards = {f"data_{name}": _sentiment(params, name) for name in sets}
    if params.simulation.draws:
        cards["data_draws"] = _draws(params)
    cards |= {"data_icu": _icu(params), "data_planted": _planted(params)}
    if "adni" in params.datasets.folders:
        cards["data_adni"] = _adni(params)
    if "mortality" in params.datasets.folders:
        cards["data_mortality"] = _visits(params)
    return cards


def _sentiment(params: Params, name: str) -> str:
    planned = params.simulation.sets[name]
    return joined(
        f"# Data card: {plain(_title(params, name))}, simulated",
        WRITTEN,
        f"Made by `dvc repro pipelines/data/dvc.yaml:simulate@{name}`, read by the "
        f"reader of the real files; what is planted lies beside it in `truth.parquet` "
        "(columns: [data/README.md](../../data/README.md)).",
        "## Size",
        _sizes({name: planned}, params),
        _shape(params),
        *_planted_sentiment(params, [planned.unreliable_sd]),
        *end(params.simulation.seed),
    )


def _draws(params: Params) -> str:
    draws = params.simulation.draws
    return joined(
        "# Data card: fresh draws, simulated",
        WRITTEN,
        "Like the sets of the sentiment tables, with a larger test set. Sets of one "
        "draw share what is planted and differ in whether noise shows.",
        "## Size",
        _sizes(draws, params),
        _shape(params),
        *_planted_sentiment(params, [one.unreliable_sd for one in draws.values()]),
        *end(params.simulation.seed),
    )


def _icu(params: Params) -> str:
    tree, planted = params.active.icu.tree, params.icu_simulation
    parts = latents.parts_of(icu.signals_of(planted))
    some = next(iter(params.datasets.stays.values()))
    facts = {
        "eligible stays": f"{tree.stays:,}",
        "of these with every modality": percent(tree.complete),
        "stays of less than two days, not eligible": f"{tree.short_stays:,}",
        "X-ray": f"{tree.image} x {tree.image} pixels",
        "electrocardiogram": f"{tree.ecg_seconds} s at {tree.ecg_hz} Hz",
        "hours between vitals; labs": (
            f"{tree.hours_between_vitals:g}; {tree.hours_between_labs:g}"
        ),
    }
    unreliable = dict(zip(icu.MODALITIES, planted.unreliable, strict=True))
    return joined(
        "# Data card: ICU stays, simulated",
        WRITTEN,
        "A tree in the layout of MIMIC-IV (tables, radiology notes, X-rays, "
        "electrocardiograms) with the known defects of the real one planted, made by "
        "`dvc repro pipelines/icu/dvc.yaml:simulate_icu`. Cohorts: "
        f"{'; '.join(plain(c.title) for c in params.datasets.stays.values())}. "
        "[Table 2](../../plots/btw/table2.md) counts their stays.",
        "## Size",
        table("what", "value", facts),
        _mixes(some, tree.mix, tree.complete_mix),
        "## What is planted",
        "A severity score of variance 1, cut into the classes of the length of stay.",
        strengths(parts, icu.MODALITIES, 1.0),
        reliability(unreliable, [planted.unreliable_sd], planted.latent_noise),
        *end(planted.seed),
    )


def _adni(params: Params) -> str:
    planted, names = params.adni_simulation, adni.MODALITIES
    parts = latents.parts_of(icu.signals_of(planted))
    facts = {
        "subjects": f"{params.active.pictures.subjects:,}",
        "CN; MCI; AD": "; ".join(map(percent, adni.MIX)),
        "without a diagnosis at the baseline": percent(adni.UNDIAGNOSED),
        "PLINK sets": f"{len(adni_genetics.SETS)}",
        "SNPs, of them telling": (
            f"{adni_genetics.SNPS + adni_genetics.LINKED}; {adni_genetics.TELLING}"
        ),
        **{
            f"without {name}": percent(share)
            for name, share in zip(names, adni.ABSENT, strict=True)
        },
    }
    unreliable = dict(zip(names, planted.unreliable, strict=True))
    return joined(
        "# Data card: ADNI, simulated",
        WRITTEN,
        "Tables and PLINK sets in the layout of ADNI, made by `dvc repro "
        "pipelines/folders/dvc.yaml:simulate_folder@adni`, with defects of the real "
        "ones: diagnoses entered twice, visits of a year later, missing fields, SNPs "
        "with other alleles or on the other strand, drugs and dates that tell the "
        "diagnosis. [docs/data.md](../data.md) says what is read.",
        "## Size",
        table("what", "value", facts),
        "## What is planted",
        "A score of variance 1, cut into the three diagnoses.",
        strengths(parts, names, 1.0),
        reliability(unreliable, [planted.unreliable_sd], planted.latent_noise),
        *end(planted.seed),
    )


def _visits(params: Params) -> str:
    planted, told = params.visit_simulation, params.datasets.folders["mortality"]
    unreliable = dict(zip(visits.MODALITIES, planted.unreliable, strict=True))
    parts = visits.parts_of(planted)
    others = (parts.shared, parts.synergy, parts.noise)
    total = math.hypot(*parts.unique, *others)
    return joined(
        f"# Data card: {plain(told.title)}, simulated",
        WRITTEN,
        "Patients of two visits or more in the layout of MIMIC-IV and MIMIC-IV-Note "
        "(admissions, laboratory values, ICD-9 and ICD-10 codes, discharge summaries), "
        "made by `dvc repro pipelines/folders/dvc.yaml:simulate_folder@mortality`.",
        "## Size",
        f"{params.active.pictures.visits:,} patients whose label is known, of whom a "
        "few show no modality and are left out, and others who are left out for one "
        "visit, age or dates. "
        f"{percent(planted.positives)} die within a year after the index visit.",
        "## What is planted",
        "A score whose highest share dies. The summaries of index visits name the end "
        "of many patients; those of earlier visits do not.",
        strengths(parts, visits.MODALITIES, total),
        reliability(unreliable, [planted.unreliable_sd], planted.latent_noise),
        *end(planted.seed),
    )


def _planted(params: Params) -> str:
    planned = params.interaction_simulation
    sizes = zip(SPLITS, params.active.simulated["planted"], strict=True)
    rows = [
        {
            "set": name,
            "modalities": str(one.modalities),
            "classes": str(one.classes),
            "tags show": percent(one.visible),
            "needed": ", ".join(f"{k} {percent(v)}" for k, v in one.shares.items()),
        }
        for name, one in planned.sets.items()
    ]
    return joined(
        "# Data card: planted interactions, simulated",
        WRITTEN,
        "Rows of which it is known which modalities tell the label, made by `dvc repro "
        "pipelines/i2moe/dvc.yaml:planted`. "
        "[The table](../../plots/i2moe/planted.md) says what can be known of them.",
        "## Size",
        "Rows of each set: "
        + ", ".join(f"{size:,} {split}" for split, size in sizes)
        + f"; {planned.width} features of a modality.",
        "## What is planted",
        markdown_table(pd.DataFrame(rows)),
        f"{percent(planned.redrawn)} of labels are drawn anew; features have noise of "
        f"{planned.noise:g}. What the kinds mean: [docs/data.md](../data.md).",
        *end(planned.seed, NEEDED),
    )


def _mixes(cohort: Cohort, mix: Sequence[float], complete: Sequence[float]) -> str:
    shares = zip(map(percent, mix), map(percent, complete), strict=True)
    rows = dict(zip(cohort.classes, shares, strict=True))
    columns = ["class", "of all stays", "of those with every modality"]
    found = [(name, *told) for name, told in rows.items()]
    return markdown_table(pd.DataFrame(found, columns=columns))


def _planted_sentiment(params: Params, sds: Sequence[float]) -> list[str]:
    planted = params.simulation
    unreliable = dict(zip(sentiment.MODALITIES, planted.unreliable, strict=True))
    return [
        "## What is planted",
        f"The label is a sum of parts with standard deviation {planted.label_sd:g}, "
        "clipped to [-3, 3] and rounded to steps of 0.2.",
        strengths(sentiment.parts_of(planted), sentiment.MODALITIES, planted.label_sd),
        reliability(unreliable, sds, planted.latent_noise),
    ]


def _sizes(sets: Mapping[str, SimulatedSet], params: Params) -> str:
    rows = [
        {
            "set": name,
            **{
                split: f"{size:,}"
                for split, size in zip(
                    SPLITS,
                    params.active.simulated[name],
                    strict=True,
                )
            },
            "audio width": str(one.audio),
            "video width": str(one.video),
            "draw": "its own" if one.draw is None else str(one.draw),
            "sd where unreliable": f"{one.unreliable_sd:g}",
        }
        for name, one in sets.items()
    ]
    return markdown_table(pd.DataFrame(rows))


def _shape(params: Params) -> str:
    planted = params.simulation
    words, frames = planted.words, planted.frames
    return (
        f"An utterance has {words[0]} to {words[1]} made-up words and {frames[0]} to "
        f"{frames[1]} frames of audio and of video; {percent(planted.zero_length)} "
        "have no video. No video (group) spans two splits."
    )


def _title(params: Params, name: str) -> str:
    """Title of the data set, or the name of a set that none reads."""
    known = params.datasets.of_files.get(name)
    return name if known is None else known.title
