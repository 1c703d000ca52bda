"""Values that explode, and YAML that does, are refused while it is read."""

import re
import time
from pathlib import Path

import pytest

from repro.params import load
from repro.params.bounded import DEEPEST, MOST_VALUES, refuse_bomb
from tests.repro.params.test_study import FILES, ROOT, TEXT, loaded, written

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12)
)


@pytest.mark.parametrize(
    ("field", "value", "bound"),
    [
        ("experts", "1000000000", "1024"),
        ("experts", "1.0e+9", "integer"),
        ("top_k", "true", "integer"),
        ("preset", "../presets/tiny", "is unknown"),
        ("seeds", "[9223372036854775808]", "4294967296"),
        ("seeds", "[4294967296]", "4294967296"),
        ("seeds", "[true]", "integer"),
        ("seeds", "[1.0]", "integer"),
        ("seeds", "{a: 1}", "list"),
        pytest.param("seeds", str(list(range(1001))), "1000", id="seeds-many"),
        ("  seed", "-1", "greater than or equal to 0"),
        ("  split_seed", "18446744073709551616", "4294967296"),
        ("  random_state", "-3", "greater than or equal to 0"),
        ("  neighbors", "100000000", "1024"),
        ("  resamples", "1000000000", "1000000"),
        ("  frames", "[6, 2000000]", "1024"),
        ("  words", "[16]", "at least 2"),
        ("  unique", "[.inf, .inf, .inf]", "finite"),
        ("  unique", "[1.0, 0.5]", "at least"),
        ("  shared", ".nan", "finite"),
        ("  synergy", ".inf", "finite"),
        ("  label_noise", "1.0e+300", "1000000"),
        ("  label_sd", ".inf", "finite"),
        ("  min_los_days", ".inf", "finite"),
        ("  folds", "100000", "100"),
        ("    mosi", "{audio: 1000000000, video: 20}", "16384"),
        ("moe", "''", "one line"),
        ("moe", "' MoE'", "one line"),
        ("moe", '"Mo\\\\nE"', "one line"),
        ("moe", "[MoE]", "string"),
        ("moe", "5", "string"),
        ("moe", "null", "string"),
        ("moe", "MulT", "also the name of"),
        ("moe", "x" * 81, "at most 80"),
        ("      title", "''", "one line"),
        ("  words", "[40, 16]", "give the least and then the greatest"),
        ("  frames", "[6]", "at least 2"),
    ],
)
def test_a_value_beyond_its_bound_is_named(
    field: str, value: str, bound: str, tmp_path: Path
) -> None:
    key = field.strip()
    with pytest.raises(ValueError) as caught:
        loaded(tmp_path, rf"^{field}: .*$", f"{field}: {value}")
    said = str(caught.value)
    texts = {name: (ROOT / name).read_text() for name in FILES}
    home = next(n for n, t in texts.items() if re.search(rf"^{field}: ", t, re.M))
    file = f"{tmp_path}/{home}" if home == "params.yaml" else home
    assert said.startswith(f"{file}: "), said
    assert key in said and bound in said, said


def test_a_method_without_a_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^names\.yaml: names: has none for bi_level"):
        loaded(tmp_path, r"^bi_level: BTW\n", "")


@pytest.mark.parametrize(
    ("pattern", "value", "message"),
    [
        (
            r"epochs: \d+",
            "epochs: 100000000",
            r"training\.epochs = 100000000: .*1000000",
        ),
        (r"clip: [\d.]+", "clip: .inf", r"training\.clip = inf: .*finite"),
        (
            r"    lr: [\d.]+\n    weight",
            "    lr: .nan\n    weight",
            r"training\.lr = nan: .*finite",
        ),
        (r"width: \d+", "width: 1000000000", r"tokens\.width = 1000000000: .*16384"),
        (
            r"expert_hidden: \d+",
            "expert_hidden: 1000000000",
            r"fusions\.moe\.expert_hidden = 1000000000: .*16384",
        ),
        (r"beta: 8\.0", "beta: .inf", r"fusions\.ithp\.beta = inf: .*1e\+06"),
        (r"beta: 8\.0", "beta: [1]", r"fusions\.ithp\.beta.*a number, a word"),
        (
            r"hours_between_vitals: [\d.]+",
            "hours_between_vitals: 1.0e-9",
            r"tree\.hours_between_vitals = 1e-09: .*0\.01",
        ),
        (
            r"  stays: \d+",
            "  stays: 2000000000",
            r"tree\.stays = 2000000000: .*1000000",
        ),
    ],
)
def test_so_is_a_value_of_a_preset(
    pattern: str, value: str, message: str, tmp_path: Path
) -> None:
    written(tmp_path, TEXT)
    file = tmp_path / "presets/default.yaml"
    text, count = re.subn(pattern, value, file.read_text(), count=1)
    assert count == 1
    file.write_text(text)
    with pytest.raises(ValueError, match=rf"presets/default\.yaml: .*{message}"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, f"line 5: has more than {MOST_VALUES} values"),
        pytest.param(
            f"a: {'[' * 100_000}", f"line 1: nested more than {DEEPEST}", id="deep"
        ),
        ("a: " + "{b: " * 60 + "}" * 60, f"line 1: nested more than {DEEPEST}"),
        ("a: &a [1, *a]", r"line 1: \*a repeats nothing that ends above it"),
        ("a: 1\nb: *c", r"line 2: \*c repeats nothing"),
        pytest.param("#" * (2 << 20), "has 2097152 characters", id="large"),
        ("a: \ud800", "not readable as text"),
    ],
)
def test_yaml_that_explodes_is_refused_at_once(
    text: str, message: str, tmp_path: Path
) -> None:
    started = time.monotonic()
    file = tmp_path / "params.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=rf"params\.yaml: {message}"):
        load(file)
    assert time.monotonic() - started < 5


def test_an_anchor_that_is_repeated_is_fine(tmp_path: Path) -> None:
    text, count = re.subn(r"(?m)^seeds: \[.*\]", "seeds: &some [4, 2]", TEXT)
    assert count == 1 and written(tmp_path, text).seeds == [4, 2]
    refuse_bomb("a: &a [1, 2]\nb: [*a, *a]\n", Path("params.yaml"))
