"""Settings, sums and seconds as anyone can make them again."""

import subprocess
from pathlib import Path

from repro import paths
from repro.files import write_json
from repro.page.provenance import (
    ABSENT,
    MADE,
    folder_sum,
    preset_settings,
    settings,
    sources,
    spent,
)


def test_settings_are_those_of_the_files(params) -> None:
    found = settings(params)
    assert found["alpha"] == str(params.alpha)
    assert found["weighting.site"] == "embedding"
    assert found["seeds"] == "[0, 1, 2, 3, 4, 5]"
    assert not any(name.startswith(("cells", "names")) for name in found)
    assert preset_settings(params)["last_state.training.epochs"].isdigit()


def test_no_folder_of_a_machine_is_told(params) -> None:
    clinical = params.clinical.model_copy(update={"path": "/srv/private/mimiciv"})
    found = settings(params.model_copy(update={"clinical": clinical}))
    assert found["clinical.path"] == "…/mimiciv"


def test_sums_are_those_of_sha256sum(params, folder: Path) -> None:
    raw = folder / params.datasets.files["mosi"].path
    raw.parent.mkdir(parents=True)
    raw.write_bytes(b"abc")
    mosi, mosei, fresh = sources(params, {"mosi", "mosei", "visible_1", "gone"})
    # FIPS 180-2, appendix B.1
    assert mosi.checksum.startswith("ba7816bf8f01cfea414140de5dae2223b00361a3")
    assert mosi.is_summed and mosi.is_simulated
    assert (mosei.checksum, fresh.checksum) == (ABSENT, MADE)
    assert not mosei.is_summed and not fresh.is_summed


def test_the_sum_of_a_folder_is_that_of_its_listing(tmp_path: Path) -> None:
    for name, content in (("b/x.csv", "1"), ("a.csv", "2"), ("b.csv", "3")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    names = "find * -type f | LC_ALL=C sort"
    listed = f"{names} | xargs sha256sum | sha256sum"
    done = subprocess.run(
        listed, shell=True, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert folder_sum(tmp_path) == done.stdout.split()[0]


def test_seconds_are_those_of_all_runs_of_a_cell(params, folder: Path) -> None:
    seconds = {"sweep/mosi/alpha_03": {"instance": 1.5}, "x": {"a": 2.0, "b": 0.25}}
    told = {"seconds": seconds, "peak_memory_bytes": 3 * 2**20}
    write_json(paths.timing("sweep/mosi"), told)
    (found,) = spent(params)
    assert (found.cell, found.seconds, found.mebibytes) == ("sweep/mosi", 3.75, 3.0)
