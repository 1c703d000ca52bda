"""Simulated films as files: a JSON with plots and genres and a JPEG per film.

The films are those of `repro.simulation.films`: the words of a plot follow the shared
latents and those of the text, patches of a poster the shared and those of the image.
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from repro import files
from repro.params.datasets import FilmSimulation
from repro.simulation.films import KINDS, LATENTS, Plan, cuts, drawn_plan, truth
from repro.simulation.icu.raw_files import write_folder

WORDS, SPOKEN = 400, (30, 80)  # of the vocabulary, and of one plot
STRENGTH = 2.0  # of the latents in the choice of words
WIDTH, HEIGHT = 64, 96  # pixels; the real posters are larger
PATCH = WIDTH // 2  # two patches side by side, one for every two latents
GRAIN = 25.0  # gray levels
NO_POSTER = 0.01  # share of films without a poster
RARE = 0.02  # share of films with one of the genres that are left out, too
SYLLABLES = ("ba", "ko", "li", "mu", "ne", "ra", "si", "to", "va", "zu")


def write_tree(
    planted: FilmSimulation, genres: Sequence[str], count: int, folder: Path
) -> None:
    """Write split.json, dataset/ and `truth.parquet`; an older tree is replaced.

    Raises:
        ValueError: there are not 23 genres, or more films than four digits can name.
    """
    plan = drawn_plan(planted, count, np.random.default_rng([planted.seed, 0]))
    ids = plan.named(genres)
    generator = np.random.default_rng([planted.seed, 2])
    write_folder(folder, _contents(plan, ids, genres, generator))
    files.write_table(folder / "truth.parquet", truth(plan, ids))


def poster(
    seen: Float[np.ndarray, " latents"], generator: np.random.Generator
) -> UInt8[np.ndarray, "height width 3"]:
    """Patches two by two, each as bright in red and in blue as a latent is large."""
    canvas = np.full((HEIGHT, WIDTH, 3), 120.0)
    step = HEIGHT * 2 * 2 // len(seen)
    for k, (red, blue) in enumerate(seen.reshape(-1, 2)):
        top, left = k // 2 * step, k % 2 * PATCH
        canvas[top : top + step, left : left + PATCH, 0] += 30 * red
        canvas[top : top + step, left : left + PATCH, 2] += 30 * blue
    canvas += GRAIN * generator.standard_normal(canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _contents(
    plan: Plan,
    ids: Sequence[str],
    genres: Sequence[str],
    generator: np.random.Generator,
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file."""
    bounds = cuts(len(ids))
    split = {name: ids[start:stop] for name, (start, stop) in bounds.items()}
    yield "split.json", json.dumps(split).encode()
    shared, text, image = (plan.latents[kind] for kind in KINDS)
    loadings = generator.standard_normal((2 * LATENTS, WORDS)) / np.sqrt(2 * LATENTS)
    odds = np.exp(STRENGTH * np.hstack([shared, text]) @ loadings)
    odds /= odds.sum(axis=1, keepdims=True)
    vocabulary = [_word(number) for number in range(WORDS)]
    for row, film in enumerate(ids):
        spoken = generator.integers(*SPOKEN)
        chosen = generator.choice(WORDS, spoken, p=odds[row])
        plot = " ".join(vocabulary[number] for number in chosen)
        own = [genres[k] for k in np.flatnonzero(plan.genres[row]).tolist()]
        own += ["News"] if generator.random() < RARE else []
        content = {"title": film, "plot": [plot[:20], plot], "genres": own}
        yield f"dataset/{film}.json", json.dumps(content).encode()
        if generator.random() >= NO_POSTER:
            seen = np.concatenate([shared[row], image[row]])
            yield f"dataset/{film}.jpeg", _encoded(poster(seen, generator))


def _word(number: int) -> str:
    """A made-up word.

    >>> _word(0), _word(123)
    ('bababa', 'kolimu')
    """
    return "".join(SYLLABLES[int(digit)] for digit in f"{number:03d}")


def _encoded(picture: UInt8[np.ndarray, "height width 3"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
