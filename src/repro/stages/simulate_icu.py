"""Write the simulated MIMIC-shaped tree, what was planted, and checksums of it."""

from repro import process

process.prepare()

import hashlib  # noqa: E402
import shutil  # noqa: E402
from pathlib import Path  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.params.presets import Tree  # noqa: E402
from repro.simulation.icu.settings import Size, signals_of  # noqa: E402
from repro.simulation.icu.writing import write_tree  # noqa: E402


def main() -> None:
    """Write the tables into data/simulated/icu/mimiciv, the modules beside them."""
    settings = params.load()
    folder = paths.simulated_icu()
    planted = settings.icu_simulation
    size = _size(settings.active.icu.tree)
    truth = paths.simulated_icu_truth()
    write_tree(size, signals_of(planted), planted.seed, folder, truth)
    files.write_text(folder / "SHA256SUMS.txt", checksums(folder))
    for root in paths.SIMULATED_ROOTS:
        # Beside the tables, as the real modules are: DVC then walks over thousands of
        # folders once, for this stage, and the sums tell the next one of a change.
        shutil.rmtree(folder.parent / root, ignore_errors=True)
        (folder / root).rename(folder.parent / root)


def checksums(folder: Path) -> str:
    """A line per file as in the real releases: SHA-256 and path, sorted by path."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder)}\n"
        for path in found
        if path.name != "SHA256SUMS.txt"
    )


def _size(tree: Tree) -> Size:
    lists = {"mix": tuple(tree.mix), "complete_mix": tuple(tree.complete_mix)}
    return Size(**(tree.model_dump() | lists))


if __name__ == "__main__":
    process.run_stage(main)
