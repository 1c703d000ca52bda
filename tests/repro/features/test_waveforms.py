import re
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample

from repro.features.waveforms import (
    LEADS,
    Grid,
    band_passed,
    flat_leads,
    interpolated,
    recording,
    recordings,
    resampled,
)
from tests.repro.features.ecg_files import GAINS, beats, write_record

GRID = Grid(hz=100, seconds=10)


def sines(hz: float, seconds: float = 10.0) -> np.ndarray:
    """Lead k is a sine of 2 + k Hz with amplitude 1 mV."""
    time = np.arange(round(hz * seconds)) / hz
    return np.sin(2 * np.pi * time[:, None] * (2 + np.arange(12)))


@pytest.mark.parametrize("hz", [100, 250, 500, 360.5, 60])
def test_a_sine_keeps_its_amplitude_at_any_rate(tmp_path: Path, hz: float):
    write_record(tmp_path / "1", sines(hz), fs=hz)
    values = recording(tmp_path / "1", GRID)
    assert values.shape == (12, 1000) and values.dtype == np.int16
    middle = slice(200, 800)
    np.testing.assert_allclose(
        values[:, middle], 1000 * sines(100).T[:, middle], atol=40
    )


def test_leads_are_found_by_name_whatever_order_and_case(tmp_path: Path):
    signal = sines(100)
    write_record(tmp_path / "1", signal)
    order = np.random.default_rng(1).permutation(12)
    names = [LEADS[i].upper() if i % 2 else LEADS[i].lower() for i in order]
    write_record(tmp_path / "2", signal[:, order], sig_name=names)
    one, two = (recording(tmp_path / name, GRID) for name in "12")
    np.testing.assert_array_equal(one, two)


def test_missing_and_unknown_leads(tmp_path: Path):
    write_record(tmp_path / "1", sines(100)[:, :3], sig_name=["I", "V6", "X"])
    values = recording(tmp_path / "1", GRID)
    assert values.any(axis=1).tolist() == [lead in ("I", "V6") for lead in LEADS]
    counts = flat_leads(values[None])
    assert counts == {lead: 1 for lead in LEADS if lead not in ("I", "V6")}


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1e3), ("V", 1e-3), ("mV", 1)])
def test_units_are_converted(tmp_path: Path, unit: str, factor: float):
    scaled, gain = sines(100) * factor, 1000 / factor
    write_record(tmp_path / "1", scaled, units=[unit] * 12, gain=gain)
    write_record(tmp_path / "2", sines(100))
    found, expected = (recording(tmp_path / name, GRID) for name in "12")
    np.testing.assert_allclose(found, expected, atol=1)


def test_missing_samples_stay_local(tmp_path: Path):
    signal = sines(100)
    write_record(tmp_path / "1", signal)
    signal[500:503, 1] = np.nan
    signal[:, 4] = np.nan
    write_record(tmp_path / "2", signal)
    whole, gaps = (recording(tmp_path / n, GRID).astype(float) for n in "12")
    assert not gaps[4].any()
    others = [i for i in range(12) if i not in (1, 4)]
    np.testing.assert_array_equal(whole[others], gaps[others])
    assert np.abs(whole[1] - gaps[1]).max() < 200
    assert np.abs(whole[1, :450] - gaps[1, :450]).max() < 30


def test_interpolation_handles_ends_and_infinity():
    row = np.array([[np.nan, np.inf, 2.0, np.nan, np.nan, 5.0, -np.inf]])
    assert interpolated(row).tolist() == [[2, 2, 2, 3, 4, 5, 5]]
    assert np.isnan(row[0, 0])  # the input is left as it was


def test_band_passes_the_heart_and_stops_drift_and_mains():
    time = np.arange(5000) / 500
    for frequency, low, high in ((0.05, 0, 0.05), (10, 0.98, 1.02), (100, 0, 0.05)):
        wave = np.sin(2 * np.pi * frequency * time)[None]
        middle = band_passed(wave, 500.0)[0, 1000:4000]
        assert low <= np.abs(middle).max() <= high


def test_offset_and_drift_are_removed(tmp_path: Path):
    drift = np.linspace(0, 3, 1000)[:, None] + 2
    write_record(tmp_path / "1", sines(100))
    write_record(tmp_path / "2", sines(100) + drift)
    one, two = (recording(tmp_path / n, GRID)[:, 200:800] for n in "12")
    assert np.abs(one.astype(float) - two).max() < 60


def test_resampling_agrees_with_fourier():
    rng = np.random.default_rng(0)
    smooth = band_passed(rng.normal(size=(2, 5000)), 500.0)
    found = resampled(smooth, 500.0, Grid(hz=125, seconds=10))
    expected = resample(smooth, 1250, axis=1)
    assert (found - expected)[:, 50:-50].std() < 0.02 * smooth.std()


@pytest.mark.parametrize(("seconds", "filled"), [(6, 600), (14, 1000)])
def test_other_durations_are_filled_or_cut(tmp_path: Path, seconds: int, filled: int):
    write_record(tmp_path / "1", sines(250, seconds), fs=250)
    values = recording(tmp_path / "1", GRID)
    assert values.shape == (12, 1000)
    assert values[:, :filled].any(axis=0).mean() > 0.95
    assert not values[:, filled:].any()


def test_amplitude_is_limited(tmp_path: Path):
    write_record(tmp_path / "1", sines(100) * 20)
    assert np.abs(recording(tmp_path / "1", GRID)).max() == 5000


DAMAGES = {
    "cut": (lambda hea, dat: (hea, dat[:5001]), "not a readable"),
    "cut at a frame": (lambda hea, dat: (hea, dat[: 24 * 500]), "not a readable"),
    "empty": (lambda hea, dat: (hea, b""), "not a readable"),
    "no header line": (lambda hea, dat: ("xxx\n", dat), "not a readable"),
    "empty header": (lambda hea, dat: ("", dat), "not a readable"),
    "few signals": (
        lambda hea, dat: ("\n".join(hea.splitlines()[:5]), dat),
        "not a readable",
    ),
    "no lead names": (
        lambda hea, dat: (re.sub(r" 0 \S+$", "", hea, flags=re.MULTILINE), dat),
        "not a readable",
    ),
    "one lead without a name": (
        lambda hea, dat: (hea.replace(" 0 V6", ""), dat),
        "not a readable",
    ),
    "no signal": (lambda hea, dat: ("1 0 100 1000\n", dat), "not a readable"),
    "absurd length": (
        lambda hea, dat: (hea.replace("100 1000\n", "100 400000000000\n"), dat),
        "claims more than 20000000 samples",
    ),
    "absurd frames": (
        lambda hea, dat: (hea.replace(" 16 ", " 16x1000000000 ", 1), dat),
        "claims more than 20000000 samples",
    ),
    "absurd shift": (
        lambda hea, dat: (hea.replace(" 16 ", " 16:9999999999 ", 1), dat),
        "claims more than 20000000 samples",
    ),
    "endless length": (
        lambda hea, dat: (hea.replace("100 1000\n", f"100 {'9' * 400}\n"), dat),
        "claims more than 20000000 samples",
    ),
    "signals without lines": (
        lambda hea, dat: (hea.replace("1 12 ", "1 4000000000 "), dat),
        "not a readable",
    ),
    "segments": (lambda hea, dat: ("1/1 12 100 1000\n1 1000\n", dat), "not a readable"),
    "file elsewhere": (
        lambda hea, dat: (hea.replace("1.dat", "../1.dat"), dat),
        "not a readable",
    ),
    "a lead twice": (lambda hea, dat: (hea.replace(" V6", " V5"), dat), "same name"),
    "unit": (lambda hea, dat: (hea.replace("/mV", "/mmHg"), dat), "'mmHg' is no volt"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_records_are_refused(tmp_path: Path, damage: str):
    write_record(tmp_path / "1", sines(100))
    change, message = DAMAGES[damage]
    header, data = tmp_path / "1.hea", tmp_path / "1.dat"
    text, content = change(header.read_text(), data.read_bytes())
    header.write_text(text)
    data.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        recording(tmp_path / "1", GRID)


def test_short_records_are_refused(tmp_path: Path):
    write_record(tmp_path / "1", sines(100)[:50])
    with pytest.raises(ValueError, match="50 samples at 100"):
        recording(tmp_path / "1", GRID)


def test_unreadable_records_are_listed(tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in "12345":
        write_record(tmp_path / name, beats(80, rng))
    (tmp_path / "2.dat").write_bytes((tmp_path / "2.dat").read_bytes()[:777])
    (tmp_path / "3.hea").unlink()
    header = tmp_path / "5.hea"
    header.write_text(header.read_text().replace(" 0 aVR", ""))
    found = recordings(list("12345"), tmp_path, GRID, tmp_path / "cache", 2)
    assert found.kept.tolist() == [True, False, False, True, False]
    assert [failure.path for failure in found.failures] == ["2", "3", "5"]
    assert "3.hea: No such file" in found.failures[1].reason
    assert str(tmp_path) not in found.failures[0].reason
    peaks = np.abs(found.values[0]).max(axis=1)
    assert np.corrcoef(peaks, np.abs(GAINS))[0, 1] > 0.9


def test_a_signal_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch):
    write_record(tmp_path / "1", sines(100))
    monkeypatch.setattr("repro.features.waveforms.MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="has 24000 bytes, more than 1000"):
        recording(tmp_path / "1", GRID)


def test_no_record_outside_the_root_is_read(tmp_path: Path):
    root, rng = tmp_path / "root", np.random.default_rng(0)
    for path in (root / "1", root / "2", tmp_path / "3"):
        write_record(path, beats(80, rng))
    (root / "2.dat").unlink()
    (root / "2.dat").symlink_to(tmp_path / "3.dat")
    paths = ["1", "2", "../3", str(tmp_path / "3")]
    found = recordings(paths, root, GRID, tmp_path / "cache")
    assert found.kept.tolist() == [True, False, False, False]
    assert all("leads out of" in failure.reason for failure in found.failures)
