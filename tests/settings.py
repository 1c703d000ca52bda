"""The settings of the repository in a folder of a test's own."""

import shutil
from pathlib import Path

from repro import paths
from tests.pipeline_graph import ROOT


def copied_settings(folder: Path, preset: str = "tiny") -> None:
    """params.yaml, simulators, names, cells and presets, one of these in force."""
    for name in ("presets", "cells"):
        shutil.copytree(ROOT / name, folder / name)
    for own in (paths.SIMULATORS, paths.NAMES):
        shutil.copy(ROOT / own, folder)
    text = (ROOT / paths.PARAMS).read_text()
    assert text.count("\npreset: default") == 1
    changed = text.replace("\npreset: default", f"\npreset: {preset}")
    (folder / paths.PARAMS).write_text(changed)
