"""Files are whole or absent, and a damaged one is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save

from repro.files import (
    read_arrays,
    read_json,
    read_table,
    replacing,
    write_arrays,
    write_bytes,
    write_json,
    write_table,
    write_text,
)

TABLE = pd.DataFrame({"id": ["a", "b"], "x": [1.5, -2.0]})
ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "n": np.array([3, 4])}


def test_round_trips(tmp_path: Path) -> None:
    write_table(tmp_path / "deep/t.parquet", TABLE)
    pd.testing.assert_frame_equal(read_table(tmp_path / "deep/t.parquet"), TABLE)
    write_arrays(tmp_path / "a.safetensors", ARRAYS)
    for name, array in read_arrays(tmp_path / "a.safetensors").items():
        assert np.array_equal(array, ARRAYS[name])
        assert array.dtype == ARRAYS[name].dtype
    write_json(tmp_path / "j.json", {"b": 1, "a": [2.5, None]})
    assert read_json(tmp_path / "j.json") == {"a": [2.5, None], "b": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.safetensors",
        "deep",
        "j.json",
    ]


@pytest.mark.parametrize("shape", [(), (1,), (2, 0), (3, 2)])
def test_arrays_keep_their_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.ones(shape).T
    write_arrays(tmp_path / "a.safetensors", {"x": array})
    assert read_arrays(tmp_path / "a.safetensors")["x"].shape == array.shape


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / name / "t.parquet", TABLE)
        write_arrays(tmp_path / name / "a.safetensors", dict(sorted(ARRAYS.items())))
    for file in ("t.parquet", "a.safetensors"):
        one, two = (tmp_path / name / file for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_a_failing_block_leaves_neither_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(RuntimeError, match="boom"), replacing(path) as temporary:
        temporary.write_text("half")
        assert str(os.getpid()) in temporary.name
        raise RuntimeError("boom")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")
    with pytest.raises(KeyError), replacing(path) as temporary:
        temporary.write_text("new")
        raise KeyError("later")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_json_refuses_nan_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x is nan"):
        write_json(tmp_path / "j.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_arrays_are_written_as_safetensors_writes_them(tmp_path: Path) -> None:
    kinds = ("?", "u1", "i1", "i2", "u2", "f2", "i4", "u4", "f4", "f8", "i8", "u8")
    generator = np.random.default_rng(0)
    for round_ in range(60):
        chosen = generator.choice(kinds, size=generator.integers(1, 8))
        arrays = {
            f"{'bca'[k % 3]}{k}ä": np.asfortranarray(
                generator.integers(0, 2, size=(round_ % 4, k)[: k % 3]).astype(kind)
            )
            for k, kind in enumerate(map(str, chosen))
        }
        write_arrays(tmp_path / "a", arrays)
        # Its own `save` writes the memory of an array in any order as it lies.
        plain = {n: np.asarray(a, order="C") for n, a in sorted(arrays.items())}
        assert (tmp_path / "a").read_bytes() == save(plain)
    write_arrays(tmp_path / "a", {"x": np.arange(3, dtype=">f4")})
    assert read_arrays(tmp_path / "a")["x"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="arrays of <U1 are not written"):
        write_arrays(tmp_path / "a", {"x": np.array(["a"])})


@pytest.mark.parametrize("kind", ["arrays", "table"])
def test_a_full_disk_is_a_clear_error_and_no_file(kind: str, tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
import numpy as np, pandas as pd
from repro.files import write_arrays, write_table
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
x = np.random.default_rng(0).standard_normal(50_000)
if {kind!r} == "arrays":
    write_arrays(Path("big.out"), {{"x": x}})
else:
    write_table(Path("big.out"), pd.DataFrame({{"x": x}}))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert "big.out: not written (File too large)" in last
    assert "free disk space" in last
    assert list(tmp_path.iterdir()) == []


def test_truncated_files_are_named(tmp_path: Path) -> None:
    table, arrays = tmp_path / "t.parquet", tmp_path / "a.safetensors"
    write_table(table, TABLE)
    write_arrays(arrays, ARRAYS)
    for path in (table, arrays):
        path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"t\.parquet: not a complete Parquet file"):
        read_table(table)
    with pytest.raises(
        ValueError, match=r"a\.safetensors: not a complete safetensors file"
    ):
        read_arrays(arrays)
    write_bytes(tmp_path / "j.json", json.dumps({"a": 1}).encode()[:-2])
    with pytest.raises(ValueError, match=r"j\.json: not JSON .* make it again"):
        read_json(tmp_path / "j.json")


@pytest.mark.parametrize("read", [read_table, read_arrays, read_json])
def test_missing_files_are_named(read: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.x: no such file; run the stage"):
        read(tmp_path / "none.x")  # type: ignore[operator]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_json_that_is_no_number_is_named(tmp_path: Path, value: float) -> None:
    content = {"methods": {"moe": {"error": [1.0, value]}}}
    with pytest.raises(ValueError, match=r"j\.json: .*methods\.moe\.error\.1 is "):
        write_json(tmp_path / "j.json", content)
    (tmp_path / "j.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"j\.json: holds (NaN|Infinity), which is"):
        read_json(tmp_path / "j.json")
