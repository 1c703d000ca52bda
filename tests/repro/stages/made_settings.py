"""The settings of the repository in a folder of a test's own, on the tiny preset."""

import shutil
from pathlib import Path

from ruamel.yaml import YAML

from repro import paths
from tests.pipeline_graph import ROOT


def copied_settings(folder: Path) -> None:
    """params.yaml, cells and presets, the tiny one in force."""
    for name in ("presets", "cells"):
        shutil.copytree(ROOT / name, folder / name)
    text = (ROOT / paths.PARAMS).read_text()
    changed = text.replace("preset: default", "preset: tiny", 1)
    assert changed != text
    (folder / paths.PARAMS).write_text(changed)


def configure(dataset: str, **changes: object) -> None:
    """Change what the settings in the working directory say of a set of a folder."""
    yaml = YAML()
    content = yaml.load(paths.PARAMS)
    content["datasets"]["folders"][dataset].update(changes)
    yaml.dump(content, paths.PARAMS)
