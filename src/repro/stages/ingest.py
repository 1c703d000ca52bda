"""Take the eligible stays, their series, notes and objects from raw MIMIC-IV."""

from repro import process

process.prepare()

import hashlib  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data.mimiciv.ingesting import ingest  # noqa: E402
from repro.data.mimiciv.layout import sources  # noqa: E402
from repro.data.mimiciv.release import SUMS, check_sums  # noqa: E402
from repro.data.mimiciv.settings import Settings  # noqa: E402
from repro.params.datasets import ClinicalSource  # noqa: E402


def main() -> None:
    """Write data/ingested/icu; a run that was cut off goes on where it stopped."""
    source = params.load().clinical
    folder = paths.ingested()
    settings = _settings(source)
    unlisted = check_sums(sources(settings).values())
    report = ingest(settings, folder)
    report["releases"] = releases(source)
    report["warnings"] += [*unlisted, *unwatched(source)]
    files.write_json(folder / "report.json", report)
    truth = Path(source.path) / paths.simulated_icu_truth().name
    paths.planted_stays().unlink(missing_ok=True)  # the folder outlives its stage
    if source.source == "simulated" and truth.is_file():
        files.write_table(paths.planted_stays(), files.read_table(truth))


def releases(source: ClinicalSource) -> dict[str, str]:
    """SHA-256 of the checksum file of each root that has one: which release it is."""
    roots = {n: getattr(source, n) for n in ("path", "note", "cxr", "ecg")}
    sums = {n: Path(root) / SUMS for n, root in roots.items()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sums.items()
        if path.is_file()
    }


def unwatched(source: ClinicalSource) -> Iterator[str]:
    """A warning where DVC would not see that films or records change."""
    roots = [name for name in ("cxr", "ecg") if getattr(source, name) != "none"]
    left = [name for name in roots if name not in source.watch]
    if left and source.source == "mimiciv":
        yield (
            f"files of {' and '.join(left)} are not watched; list them in "
            "clinical.watch, or run dvc repro -f on their features when they change"
        )


def _settings(source: ClinicalSource) -> Settings:
    def root(path: str) -> Path | None:
        return None if path == "none" else Path(path)

    return Settings(
        path=Path(source.path),
        notes=root(source.note),
        cxr=root(source.cxr),
        ecg=root(source.ecg),
        variables=source.variables,
        time_policy=source.time_policy,
        deaths=source.deaths,
        min_los_days=source.min_los_days,
        views=tuple(source.views),
        labs_without_admission=source.labs_without_admission,
        simulated=source.source == "simulated",
    )


if __name__ == "__main__":
    process.run_stage(main)
