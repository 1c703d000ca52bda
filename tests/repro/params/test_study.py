"""Bad settings stop with file, field, value and remedy."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.params import Params, load
from repro.params.switches import SWITCHES, switches

ROOT = Path(__file__).parents[3]
FILES = ("params.yaml", "simulators.yaml", "names.yaml")
TEXT = (ROOT / "params.yaml").read_text()


def loaded(tmp_path: Path, pattern: str, replacement: str) -> Params:
    """params.yaml, a file beside it or a group of cells, its first match replaced."""
    own = [ROOT / name for name in FILES]
    for file in (*own, *sorted((ROOT / "cells").glob("*.yaml"))):
        text, count = re.subn(
            pattern, replacement, file.read_text(), count=1, flags=re.MULTILINE
        )
        if count:
            return written(tmp_path, text, file.relative_to(ROOT))
    raise AssertionError(pattern)


def written(tmp_path: Path, text: str, place: Path = Path("params.yaml")) -> Params:
    """The settings of the repository with another text in one file."""
    shutil.copytree(ROOT / "presets", tmp_path / "presets", dirs_exist_ok=True)
    shutil.copytree(ROOT / "cells", tmp_path / "cells", dirs_exist_ok=True)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / place).write_text(text)
    return load(tmp_path / "params.yaml")


@pytest.mark.parametrize("preset", ["default", "paper", "tiny"])
def test_the_files_of_the_repository_are_valid(tmp_path: Path, preset: str) -> None:
    settings = loaded(tmp_path, r"^preset: default", f"preset: {preset}")
    assert settings.recipe("btw/mosi").weightings[-1] == "bi_level"
    assert settings.models("icu_all/fold_1").tokens == settings.active.query.tokens


BASE = r"^    mosi: \{dataset: mosi, fusion: moe, trains: \[unimodal, .*first_\w+\]\}"
BTW = r"(^    mosi: .*) uses: \[base/mosi\]\}"


@pytest.mark.parametrize(
    ("pattern", "replacement", "parts"),
    [
        (r"^alpha: 0\.5", "alpha: 1.5", ["alpha = 1.5", "less than or equal to 1"]),
        (r"^alpha: 0\.5", "alpha: -0.1", ["alpha = -0.1", "greater than or equal"]),
        (r"^experts: 16", "experts: 1", ["top_k=2", "experts=1", "lower top_k"]),
        (
            r"^alpha: 0\.5",
            "alpha: 0.5\nalhpa: 0.4",
            ["alhpa: key of", "'alhpa' is unknown; did you mean 'alpha'?"],
        ),
        (r"^  scale: sum_one", "  scale: rows", ["weighting.scale = 'rows'"]),
        (
            r"^  scale: sum_one",
            "  scales: sum_one",
            ["weighting.scales: key of weighting", "did you mean 'scale'?"],
        ),
        (r"alpha_step: 0\.05", "alpha_step: '1e-3'", ["step = '1e-3'", "number"]),
        (r"^top_k: 2", "top_k: 2.5", ["top_k = 2.5", "integer"]),
        (
            r"^seeds: .*\]",
            "seeds: [1, 2, 1]",
            ["seeds=[1, 2, 1]", "list each one once"],
        ),
        (r"^seeds: .*\]", "seeds: []", ["seeds = []", "at least 1"]),
        (r"^seeds: .*\]", "seeds: [-1]", ["seeds.0 = -1", "greater than or equal"]),
        (
            r"^preset: default",
            "preset: defualt",
            ["preset 'defualt' is unknown; did you mean 'default'?"],
        ),
        (r"^encoder: bert", "encoder: gpt", ["text encoder 'gpt' is unknown", "bert"]),
        (
            r"switches: \[own_label_variance\]",
            "switches: [own_labels]",
            [
                "cells.attribution.weights.rows.own_label_variance.switches: ",
                "switches: 'own_labels'",
            ],
        ),
        (
            BASE,
            "    mosi: {dataset: mossi, fusion: moe, trains: [unimodal]}",
            ["cells.base.mosi.dataset: data set 'mossi' is unknown", "'mosi'"],
        ),
        (
            BASE,
            "    mosi: {dataset: mosi, encoder: gpt, trains: [unimodal]}",
            ["cells.base.mosi.encoder: text encoder 'gpt' is unknown"],
        ),
        (
            BASE,
            "    mosi: {dataset: mosi, fusion: moe, trains: [unimodal, latefusion]}",
            ["cells.base.mosi.trains: ", "last_state.fusions", "'late_fusion'?"],
        ),
        (
            BASE,
            "    mosi: {dataset: mosi, method: moe, trains: [unimodal]}",
            ["cells.base.mosi.method: key of cells.base.mosi"],
        ),
        (
            BASE,
            "    mosi: {dataset: mosi, fusion: moe, trains: []}",
            ["cells.base.mosi.trains = []", "at least 1"],
        ),
        (
            BTW,
            r"\1 uses: [base/mossi]}",
            ["cells.btw.mosi.uses: run 'base/mossi' is unknown", "'base/mosi'?"],
        ),
        (
            BTW,
            r"\1 uses: [base/mosei]}",
            ["base/mosei is of data set mosei, this recipe of mosi"],
        ),
        (
            BTW,
            r"\1 uses: [deberta/mosi]}",
            ["deberta/mosi is of encoder deberta, this recipe of bert"],
        ),
        (BTW, r"\1 uses: []}", ["weights are made from unimodal, which neither"]),
        (
            BTW,
            r"\1 uses: [btw/mosi]}",
            ["cells.btw.mosi.uses: btw/mosi is of this cell"],
        ),
        (
            r"alpha_03: \{alpha: 0\.3\}",
            "alpha_03: {alhpa: 0.3}",
            [
                "cells.sweep.mosi",
                "alpha_03: alhpa: key of this block",
                "did you mean 'alpha'?",
            ],
        ),
        (
            r"alpha_03: \{alpha: 0\.3\}",
            "alpha_03: {dataset: mosei}",
            ["rows.alpha_03: dataset is the same for all rows"],
        ),
        (
            r"alpha_03: \{alpha: 0\.3\}",
            "../../x: {alpha: 0.3}",
            ["cells.sweep.mosi.rows.../../x", "match pattern"],
        ),
        (
            r"trains: \[instance, bi_level\]",
            "trains: [instance, instance]",
            ["repeats a name; list each one once"],
        ),
        (
            r"without: \[ecg\]",
            "without: [egc]",
            ["cells.removal.icu_complete.rows.ecg.without", "did you mean 'ecg'?"],
        ),
        (
            r"^  own: \{\}",
            "  own: {mine: {dataset: mosi, trains: [unimodal]}}",
            ["cells.own.mine: name its `fusion`"],
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
        (
            r"^      task: regression",
            "      task: classification",
            ["datasets.files.mosi", "task='classification' with 0 classes"],
        ),
        (
            r"^      task: multilabel",
            "      task: classification",
            ["datasets.folders.mmimdb", "layout='mmimdb' with task='classification'"],
        ),
        (
            r"^      split: published",
            "      split: grouped",
            ["datasets.folders.mmimdb", "split='grouped'; it needs task: multilabel"],
        ),
        (
            r"^      visits: .*",
            "",
            ["datasets.folders.mortality", "block `visits` belongs to layout: mimic"],
        ),
        (
            r"^      dataset: mortality",
            "      dataset: mortality\n      class_weights: [1.0, 2.0, 3.0]",
            ["experts.mortality", "3 weights for a classification of 2 classes"],
        ),
        *(
            (
                rf"^  {name}: data/simulated/icu/{name}",
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
    assert re.search(r"(params|cells/\w+)\.yaml: ", message), message
    for part in parts:
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


def test_rows_of_a_cell_differ_in_their_own_fields_only(tmp_path: Path) -> None:
    runs = written(tmp_path, TEXT).runs_of("sweep/mosi")
    assert {a: r.alpha for a, r in runs.items()} == {
        "sweep/mosi/alpha_03": 0.3,
        "sweep/mosi/alpha_05": 0.5,
        "sweep/mosi/alpha_07": 0.7,
    }
    assert (
        len(
            {r.model_copy(update={"alpha": 0}).model_dump_json() for r in runs.values()}
        )
        == 1
    )


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    assert loaded(tmp_path, r"^alpha: 0\.5", "alpha: 5e-1").alpha == 0.5


def test_the_roots_of_real_data(tmp_path: Path) -> None:
    rest = "  note: none\n  cxr: data/simulated/icu/cxr\n  ecg: none"
    pattern = r"(?s)^  source: simulated  .*?^  ecg: \S+"
    real = f"  source: mimiciv\n  path: data/raw/mimiciv\n{rest}"
    with pytest.raises(ValueError, match=r"cxr='.*/cxr' lies under data/simulated"):
        loaded(tmp_path, pattern, real)
    real = real.replace("data/simulated/icu/cxr", "data/raw/cxr")
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
