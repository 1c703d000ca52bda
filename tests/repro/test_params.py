"""Bad settings stop with file, field, value and remedy."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from repro import params
from repro.params import load
from repro.params.switching import SWITCHES, switches

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "params.yaml").read_text()


def loaded(tmp_path: Path, pattern: str, replacement: str) -> params.Params:
    """params.yaml with the first match of a pattern replaced."""
    text, count = re.subn(pattern, replacement, TEXT, count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    (tmp_path / "params.yaml").write_text(text)
    return load(tmp_path / "params.yaml")


def test_the_file_of_the_repository_is_valid() -> None:
    settings = load(ROOT / "params.yaml")
    assert settings.active is settings.presets[settings.preset]
    assert settings.cell("btw", "mosi_instance").method == "instance"


@pytest.mark.parametrize(
    ("pattern", "replacement", "parts"),
    [
        (r"^alpha: 0\.5", "alpha: 1.5", ["alpha = 1.5", "less than or equal to 1"]),
        (r"^alpha: 0\.5", "alpha: -0.1", ["alpha = -0.1", "greater than or equal"]),
        (r"^experts: 16", "experts: 1", ["top_k=2", "experts=1", "lower top_k"]),
        (r"^alpha: 0\.5", "alpha: 0.5\nalhpa: 0.4", ["alhpa = 0.4", "not permitted"]),
        (
            r"^    scale: mean_one|^  scale: mean_one",
            "  scale: rows",
            ["scale = 'rows'"],
        ),
        (r"alpha_step: 0\.05", "alpha_step: '1e-3'", ["alpha_step = '1e-3'", "number"]),
        (r"^top_k: 2", "top_k: 2.5", ["top_k = 2.5", "integer"]),
        (
            r"^seeds: .*\]",
            "seeds: [1, 2, 1]",
            ["seeds=[1, 2, 1]", "list each one once"],
        ),
        (r"^seeds: .*\]", "seeds: []", ["seeds = []", "at least 1"]),
        (r"^seeds: .*\]", "seeds: [-1]", ["seeds.0 = -1", "greater than or equal"]),
        (r"^preset: default", "preset: huge", ["preset='huge'", "choose one of"]),
        (
            r"switches: \[own_label_variance\]",
            "switches: [own_labels]",
            ["cells.attribution.own_label_variance.switches", "'own_labels'", "choose"],
        ),
        (
            r"mosi: \{dataset: mosi\}",
            "mosi: {dataset: iemocap}",
            ["cells.unimodal.mosi.dataset='iemocap'", "not in datasets"],
        ),
        (
            r"mosi: \{dataset: mosi\}",
            "mosi: {dataset: mosi, encoder: gpt}",
            ["cells.unimodal.mosi.encoder='gpt'", "encoders"],
        ),
        (
            r"mosi: \{dataset: mosi\}",
            "mosi: {dataset: mosi, method: best}",
            ["cells.unimodal.mosi.method = 'best'", "'bi_level'"],
        ),
        (
            r"^  source: simulated  ",
            "  source: mimiciv  ",
            ["clinical: ", "path='data/simulated/icu/mimiciv' lies", "real files"],
        ),
        (
            r"^  path: data/simulated/icu/mimiciv",
            "  path: data/simulated/icu/../../raw/mimiciv",
            ["clinical: ", "raw/mimiciv' does not lie", "set source: mimiciv"],
        ),
        *(
            (
                rf"^  {name}: data/simulated/icu/mimiciv/{name}",
                f"  {name}: data/raw/{name}",
                ["clinical: ", f"{name}='data/raw/{name}' does not", "'simulated'"],
            )
            for name in ("note", "cxr", "ecg")
        ),
    ],
)
def test_a_bad_value_is_named(
    pattern: str, replacement: str, parts: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError) as caught:
        loaded(tmp_path, pattern, replacement)
    message = str(caught.value)
    for part in ["params.yaml: ", "correct it in", *parts]:
        assert part in message, message


def test_every_bad_value_is_listed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"(?s)alpha = 2.*\n.*top_k = 0"):
        loaded(tmp_path, r"(?s)^alpha: 0\.5(.*?)^top_k: 2", r"alpha: 2\1top_k: 0")


@pytest.mark.parametrize("text", ["alpha: [", "alpha: 1\nalpha: 2\n", "- 1\n"])
def test_a_file_that_is_no_mapping_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"params\.yaml: "):
        load(tmp_path / "params.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"params\.yaml: no such file"):
        load(tmp_path / "params.yaml")


def test_an_unknown_cell_is_named() -> None:
    settings = load(ROOT / "params.yaml")
    for group, name in (("btw", "nothing"), ("nothing", "mosi")):
        with pytest.raises(ValueError, match=rf"no cell cells\.{group}\.{name}"):
            settings.cell(group, name)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    assert loaded(tmp_path, r"^alpha: 0\.5", "alpha: 5e-1").alpha == 0.5


def test_the_roots_of_real_data(tmp_path: Path) -> None:
    rest = "  note: none\n  cxr: data/simulated/icu/mimiciv/cxr\n  ecg: none"
    pattern = r"(?s)^  source: simulated  .*?^  ecg: \S+"
    real = f"  source: mimiciv\n  path: data/raw/mimiciv\n{rest}"
    with pytest.raises(ValueError, match=r"cxr='.*/cxr' lies under data/simulated"):
        loaded(tmp_path, pattern, real)
    real = real.replace("data/simulated/icu/mimiciv/cxr", "data/raw/cxr")
    assert loaded(tmp_path, pattern, real).clinical.cxr == "data/raw/cxr"


def test_absent_roots_suit_every_source(tmp_path: Path) -> None:
    found = loaded(tmp_path, r"^  note: data/simulated/icu/\S+", "  note: none")
    assert (found.clinical.source, found.clinical.note) == ("simulated", "none")


def test_no_view_means_all_views(tmp_path: Path) -> None:
    found = loaded(tmp_path, r"^  views: \[AP, PA\]", "  views: []")
    assert found.clinical.views == []


def test_params_are_frozen() -> None:
    settings = load(ROOT / "params.yaml")
    assign: Callable[[], None] = lambda: setattr(settings, "alpha", 0.1)  # noqa: E731
    with pytest.raises(ValueError, match="frozen"):
        assign()


def test_switches_add_up() -> None:
    assert switches([]) == frozenset()
    assert switches(["all"]) == frozenset(SWITCHES) == switches([], "published")
    assert switches(["all", "-own_label_variance"]) == frozenset(SWITCHES) - {
        "own_label_variance"
    }
    with pytest.raises(ValueError, match=r"'-nothing' is no switch; choose from all"):
        switches(["-nothing"])
