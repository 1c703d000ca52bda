"""A small folder in the layout of ENRICO, whose every file a test may spoil."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

TOPICS = ("list", "login", "maps")
ISSUES = ("screen_id", "source", "description", "severity")


def write_rows(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)


def write_issues(root: Path, *rows: Sequence[object]) -> None:
    write_rows(root / "issues.csv", [ISSUES, *rows])


def write_hierarchy(root: Path, screen: object, *resources: str) -> None:
    views = [{"resource-id": name, "children": []} for name in resources]
    content = {"class": "DecorView", "children": views}
    path = root / f"hierarchies/{screen}.json"
    path.write_text(json.dumps(content))


def picture(seed: int, height: int = 32, width: int = 18) -> np.ndarray:
    generator = np.random.default_rng(seed)
    ground = generator.uniform(60, 200, (1, 1, 3))
    noise = generator.normal(0, 20, (height, width, 3))
    return np.clip(ground + noise, 0, 255).astype(np.uint8)


def write_screens(root: Path, count: int = 24) -> Path:
    """Screens 100, 101, ...: topics in turn, three screens of one app side by side."""
    for name in ("screenshots", "wireframes", "hierarchies"):
        (root / name).mkdir(parents=True)
    topics = [TOPICS[k % 3] for k in range(count)]
    ids = range(100, 100 + count)
    named = list(zip(ids, topics, strict=True))
    write_rows(root / "design_topics.csv", [("screen_id", "topic"), *named])
    write_issues(root)
    for k, screen in enumerate(ids):
        Image.fromarray(picture(k)).save(root / f"screenshots/{screen}.jpg")
        Image.fromarray(picture(99 + k)).save(root / f"wireframes/{screen}.png")
        app = f"com.app{k // 3}"
        write_hierarchy(root, screen, "android:id/content", f"{app}:id/title")
    return root
