"""The simulated ECG records, read by the field's own reader."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.simulation.icu import ecgs, plan, waveforms
from repro.simulation.icu.settings import Dirt, Signals, Size

with warnings.catch_warnings():
    # On import wfdb 4.3.1 calls pandas in a way that will go away in pandas 4.
    warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
    import wfdb


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    size = Size(stays=150, most_ecgs=3)
    drawn = plan.drawn_plan(size, Signals(), 3)
    ecgs.write_ecgs(drawn, size, folder, np.random.default_rng(0))
    return folder


def listed(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "ecg/record_list.csv", parse_dates=["ecg_time"])


def test_records_are_read_back_by_wfdb_as_if_written_by_it(
    tree: Path, tmp_path: Path
) -> None:
    table = listed(tree).head(15)
    for row in table.itertuples():
        record = wfdb.rdrecord(tree / "ecg" / row.path, physical=False)
        assert (record.fs, record.sig_len, record.n_sig) == (100, 1000, 12)
        assert set(record.units) == {"mV"}
        assert record.base_datetime == row.ecg_time.to_pydatetime()
        difference = np.subtract(record.calc_checksum(), record.checksum)
        assert (difference % 2**16 == 0).all()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
            record.wrsamp(write_dir=str(tmp_path))
        name = f"{record.record_name}.dat"
        ours = tree / "ecg" / row.path
        assert (tmp_path / name).read_bytes() == ours.with_name(name).read_bytes()


def test_planted_defects_of_the_ecgs(tree: Path) -> None:
    table = listed(tree)
    records = [wfdb.rdrecord(tree / "ecg" / path) for path in table["path"]]
    dirt = Dirt()
    assert sum(bool(np.isnan(r.p_signal).any()) for r in records) == dirt.gaps
    moved = sum(tuple(r.sig_name) != waveforms.LEADS for r in records)
    assert moved == dirt.reordered
    for record in records[:40]:
        lead = dict(zip(record.sig_name, record.p_signal.T, strict=True))
        # Einthoven's law, up to the noise of three leads and rounding.
        assert np.nanstd(lead["I"] + lead["III"] - lead["II"]) < 0.08
        assert np.nanmax(np.abs(record.p_signal)) < 5
    measured = pd.read_csv(tree / "ecg/machine_measurements.csv")
    numbers = measured.loc[:, "rr_interval":"t_axis"]
    assert (numbers == 29999).to_numpy().sum() == dirt.sentinels
    assert measured["study_id"].to_list() == table["study_id"].to_list()


def test_machine_measurements_agree_with_the_waveform(tree: Path) -> None:
    table = pd.read_csv(tree / "ecg/machine_measurements.csv")
    paths = listed(tree).set_index("study_id")["path"]
    table = table[(table.loc[:, "rr_interval":"t_axis"] != 29999).all(axis=1)]
    for row in table.head(60).itertuples():
        record = wfdb.rdrecord(tree / "ecg" / paths[row.study_id])
        signal = record.p_signal[:, record.sig_name.index("V4")]
        if np.isnan(signal).any():
            continue
        # The autocorrelation is greatest at the distance of two beats.
        signal = signal - signal.mean()
        together = np.correlate(signal, signal, "full")[len(signal) :]
        interval = 10 * (35 + np.argmax(together[34:160]))
        assert interval == pytest.approx(row.rr_interval, abs=25)
    fast = table["report_0"] == "Sinus tachycardia"
    assert table.loc[fast, "rr_interval"].max() < 610
    assert table.loc[~fast, "rr_interval"].min() > 590
