"""A simulated tree in the layout of ENRICO: screenshots, wireframes, hierarchies.

A topic is a triple: a level that both pictures show (the number of rows and the height
of the header), a look that the screenshot alone shows (the brightness of the ground)
and a kind that the wireframe alone shows (the colors of the boxes). So neither picture
alone can tell a topic from all others. Accent colors of the app tell nothing.
"""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from repro import files
from repro.params.datasets import ScreenSimulation
from repro.simulation.icu.latents import quotas
from repro.simulation.icu.raw_files import write_folder

WIDTH, HEIGHT = 90, 160  # pixels; the real ones are 540 x 960
LEVELS, LOOKS = 5, 2
MODALITIES = ("screenshot", "wireframe")
# Screens of the 20 topics in the order of their names. Source: the README of ENRICO.
SIZES = (
    *(76, 6, 8, 11, 18, 103, 144, 265, 141, 9),
    *(32, 79, 67, 59, 52, 63, 35, 90, 39, 163),
)
LEAST = 5  # screens of a topic; the real rarest has 6
APPS = 0.6  # apps per screen
NAMELESS = 0.03  # share of hierarchies without a resource-id
MISMATCHES = 0.01  # share of wireframes that show another topic, listed as issues
UNAVAILABLE = 2  # wireframes that are not there
TURNED = 2  # screenshots in landscape mode, listed as issues
GRAIN = 10.0  # gray levels
STRAY = 0.2  # share of boxes in the colors of the other kind
# Colors of boxes in a wireframe, one row per kind.
COLORS = np.array(
    [
        [[154, 205, 50], [30, 144, 255], [222, 184, 135]],
        [[205, 92, 92], [147, 112, 219], [95, 158, 160]],
    ]
)


@dataclass(frozen=True)
class Plan:
    """What every screen shows, in the order of the list of topics.

    Shape: `seen` has (level, look, kind) as each modality shows them.
    """

    ids: list[str]
    y: Int[np.ndarray, " screens"]
    app: Int[np.ndarray, " screens"]
    seen: Int[np.ndarray, "screens modalities 3"]
    reliable: Bool[np.ndarray, "screens modalities"]


def factors(y: Int[np.ndarray, " screens"]) -> Int[np.ndarray, "screens 3"]:
    """Level, look and kind of topics.

    >>> factors(np.array([0, 6, 19])).tolist()
    [[0, 0, 0], [1, 1, 0], [4, 1, 1]]
    """
    return np.stack([y % LEVELS, y // LEVELS % LOOKS, y // (LEVELS * LOOKS)], axis=1)


def drawn_plan(
    planted: ScreenSimulation, count: int, generator: np.random.Generator
) -> Plan:
    """Draw topics in the proportions of the real data, apps, and what pictures show."""
    shares = np.array(SIZES) / sum(SIZES)
    spare = LEAST - 1
    sizes = quotas(count - spare * len(SIZES), shares.tolist()) + spare
    y = generator.permutation(np.repeat(np.arange(len(SIZES)), sizes))
    # Squared: a few apps show many screens, most show one or two.
    app = (count * APPS * generator.random(count) ** 2).astype(np.int64)
    reliable = generator.random((count, 2)) >= np.array(planted.unreliable)
    others = y[generator.integers(0, count, (count, 2))]
    shown = np.where(reliable, y[:, None], others)
    seen = np.stack([factors(shown[:, m]) for m in range(2)], axis=1)
    misread = generator.random((count, 2)) < np.array(planted.misread)
    step = np.where(generator.random((count, 2)) < 0.5, -1, 1)
    seen[:, :, 0] = np.clip(seen[:, :, 0] + misread * step, 0, LEVELS - 1)
    ids = [f"sim{number:05d}" for number in range(count)]
    return Plan(ids, y, app, seen, reliable)


def write_tree(
    planted: ScreenSimulation, topics: Sequence[str], count: int, folder: Path
) -> None:
    """Write the whole tree, and `truth.parquet` in it; an older one is replaced.

    Raises:
        ValueError: there are not 20 topics.
    """
    if len(topics) != len(SIZES):
        raise ValueError(
            f"{len(topics)} classes of simulated screens; ENRICO has {len(SIZES)}, "
            "list them in params.yaml in the order of their names"
        )
    plan = drawn_plan(planted, count, np.random.default_rng([planted.seed, 0]))
    issues = _issues(plan, np.random.default_rng([planted.seed, 1]))
    write_folder(folder, _contents(plan, issues, topics, planted))
    files.write_table(folder / "truth.parquet", _truth(plan))


def screenshot(
    seen: Int[np.ndarray, "3"], app: int, generator: np.random.Generator
) -> UInt8[np.ndarray, "height width 3"]:
    """Rows of text and pictures below a header in the color of the app."""
    level, look, _ = seen.tolist()
    ground = 90.0 + 60.0 * look + generator.normal(0, 20)
    canvas = np.full((HEIGHT, WIDTH, 3), ground)
    canvas[: _header(level, generator)] = np.random.default_rng(app).uniform(0, 90, 3)
    for top, bottom in _rows(level, generator):
        canvas[top:bottom, 3:87] = ground + 60
        left = int(generator.integers(4, 14))
        canvas[top:bottom, left : left + 14] = generator.uniform(40, 220, 3)
        for line in range(top + 2, bottom, 5):
            end = int(generator.integers(40, 86))
            canvas[line : line + 2, left + 18 : end] = 30
    return _pixels(canvas + GRAIN * generator.standard_normal(canvas.shape))


def wireframe(
    seen: Int[np.ndarray, "3"], generator: np.random.Generator
) -> UInt8[np.ndarray, "height width 3"]:
    """Boxes of components on white, in the colors of their kind."""
    level, _, kind = seen.tolist()
    canvas = np.full((HEIGHT, WIDTH, 3), 255.0)
    canvas[: _header(level, generator)] = (120, 120, 120)
    for top, bottom in _rows(level, generator):
        left = int(generator.integers(2, 12))
        right = int(generator.integers(60, 88))
        own = kind if generator.random() >= STRAY else 1 - kind
        canvas[top:bottom, left:right] = COLORS[own, generator.integers(0, 3)]
    return _pixels(canvas)


def _header(level: int, generator: np.random.Generator) -> int:
    return int(10 + 4 * level + generator.integers(-3, 4))


def _rows(level: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Top and bottom of every row: two at level 0, six at level 4."""
    count, first = level + 2, 36
    step = (HEIGHT - first) / count
    shift = generator.integers(-3, 4)
    tops = [int(first + k * step + shift) for k in range(count)]
    return [(top, int(top + 0.6 * step)) for top in tops]


def _pixels(
    canvas: Float[np.ndarray, "height width 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _contents(
    plan: Plan, issues: pd.DataFrame, topics: Sequence[str], planted: ScreenSimulation
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file."""
    named = pd.DataFrame({"screen_id": plan.ids, "topic": [topics[k] for k in plan.y]})
    yield "design_topics.csv", named.to_csv(index=False).encode()
    yield "issues.csv", issues.to_csv(index=False).encode()
    generator = np.random.default_rng([planted.seed, 2])
    damaged = (generator.random((len(plan.ids), 2)) < planted.damaged).tolist()
    lost = set(issues["screen_id"][issues["description"] == "not available"])
    swapped = set(issues["screen_id"][issues["description"] == "complete mismatch"])
    for row, screen in enumerate(plan.ids):
        shot = screenshot(plan.seen[row, 0], int(plan.app[row]), generator)
        shown = row - 1 if screen in swapped else row  # that of another screen
        frame = wireframe(plan.seen[shown, 1], generator)
        yield f"screenshots/{screen}.jpg", _encoded(shot, "JPEG", damaged[row][0])
        if screen not in lost:
            yield f"wireframes/{screen}.png", _encoded(frame, "PNG", damaged[row][1])
        is_named = generator.random() >= NAMELESS
        tree = _hierarchy(plan.seen[row, 1], int(plan.app[row]), is_named=is_named)
        yield f"hierarchies/{screen}.json", json.dumps(tree).encode()


def _encoded(
    picture: UInt8[np.ndarray, "height width 3"], kind: str, is_damaged: bool
) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, quality=80)
    content = buffer.getvalue()
    return content[: len(content) // 2] if is_damaged else content


def _hierarchy(seen: Int[np.ndarray, "3"], app: int, *, is_named: bool) -> dict:
    """The views of a screen, on the 1440 x 2560 units of the real ones."""
    rows = int(seen[0]) + 2
    package = f"org.example.simulated{app:05d}"
    views = [
        {
            "class": "android.widget.LinearLayout",
            "bounds": [0, 576 + k * 1984 // rows, 1440, 576 + (k + 1) * 1984 // rows],
            "componentLabel": "List Item",
            **({"resource-id": f"{package}:id/row_{k}"} if is_named else {}),
        }
        for k in range(rows)
    ]
    content = {"class": "android.widget.FrameLayout", "children": views}
    return {
        "class": "com.android.internal.policy.PhoneWindow$DecorView",
        "bounds": [0, 0, 1440, 2560],
        "children": [{**content, "resource-id": "android:id/content"}],
    }


def _issues(plan: Plan, generator: np.random.Generator) -> pd.DataFrame:
    """The list of known issues: what is grave, and a few that are not."""
    count = max(round(MISMATCHES * len(plan.ids)), 1)
    kinds = (
        ("wireframe", "complete mismatch", "high", count),
        ("wireframe", "not available", "high", UNAVAILABLE),
        ("screenshot", "landscape mode", "high", TURNED),
        ("screenshot", "selector overlay", "medium", count),
        ("wireframe", "missing bg image", "low", count),
        ("hierarchy", "overlapping sidebar", "low", 2 * count),
    )
    drawn = iter(generator.permutation(len(plan.ids)))
    rows = [
        (plan.ids[next(drawn)], source, what, severity)
        for source, what, severity, size in kinds
        for _ in range(size)
    ]
    columns = ["screen_id", "source", "description", "severity"]
    return pd.DataFrame(rows, columns=columns)


def _truth(plan: Plan) -> pd.DataFrame:
    """What was planted: factors of the topic, and how far each picture shows them."""
    level, look, kind = factors(plan.y).T
    columns: dict[str, object] = {
        "id": plan.ids,
        "y": plan.y,
        "shared": level,
        "unique_screenshot": look,
        "unique_wireframe": kind,
    }
    for m, name in enumerate(MODALITIES):
        columns[f"reliable_{name}"] = plan.reliable[:, m]
        columns[f"seen_shared_{name}"] = plan.seen[:, m, 0]
    return pd.DataFrame(columns)
