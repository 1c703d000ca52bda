"""What was reported of other people's files, hostile ones too, as one suite by name.

Each case builds its small input and reads it. Those that need more than a reader, such
as DVC or a process that ends, are tests of their own, named in `ELSEWHERE`.
"""

from importlib import import_module
from pathlib import Path

import pytest

from tests.repro.data import feature_cases, file_cases
from tests.repro.data.mimiciv import clinical_cases
from tests.repro.features import object_cases

PARTS = (feature_cases, file_cases, clinical_cases, object_cases)
CASES = {
    (name, variant): case
    for part in PARTS
    for name, variants in part.CASES.items()
    for variant, case in variants.items()
}
ELSEWHERE = {
    "26-stage-started-from-a-thread": (
        "tests.repro.test_process.test_a_stage_outlives_the_thread_that_started_it"
    ),
    "30-queue-and-ignored-data": (
        "tests.pipeline.test_own_paths.test_a_temporary_copy_gets_ignored_data"
    ),
    "31-side-files-not-watched": (
        "tests.pipeline.test_watched.test_a_replaced_file_makes_its_stage_stale"
    ),
    "attack/28-remote-code-prompt": (
        "tests.repro.features.encoders.test_loading.test_code_beside_the_weights_is_not_run"
    ),
}
REPORTED = (
    *("01-mmsa-minus-inf", "05-raw-text-no-strings", "06-lengths-none"),
    *("07-labels-none-or-scalar", "08-mimic-quoted-empty-and-NA"),
    *("09-mimic-storetime-format", "13-mimic-float-ids", "15-mult-layout"),
    *("16-mag-layout", "17-table-files", "19-mimic-notes", "21-mimic-stay-times"),
    *("23-ecg-headers", "26-stage-started-from-a-thread"),
    *("27-objects-with-empty-cells", "28-dvc-without-git"),
    *("30-queue-and-ignored-data", "31-side-files-not-watched"),
    "36-encoder-folders",
    *("attack/01-pickle-dtype-rce", "attack/02-pickle-object-short-list"),
    *("attack/03-pickle-hash-laughs", "attack/04-pickle-str-laughs"),
    *("attack/05-pickle-runtimeerror", "attack/06-pickle-deep-list-text"),
    *("attack/07-pickle-0dim-text", "attack/08-pickle-complex-labels"),
    *("attack/09-pickle-datetime-labels", "attack/10-mmsa-text-nan"),
    *("attack/11-mmsa-text-none", "attack/12-mmsa-message-without-file"),
    *("attack/13-npy-header-bomb", "attack/14-npy-token-error"),
    *("attack/15-array-name-escapes", "attack/16-group-whitespace"),
    *("attack/18-underflow-zero", "attack/28-remote-code-prompt"),
)


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_it_is_read_rightly_or_refused(tmp_path: Path, name: str, variant: str):
    case = CASES[name, variant]
    if not case.refused:
        assert case.make(tmp_path) == case.found
        return
    with pytest.raises(ValueError, match=case.refused) as error:
        case.make(tmp_path)
    message = str(error.value)
    assert tmp_path.name in message  # the file
    assert "; " in message  # the remedy
    assert len(message) < 1000


def test_every_reported_case_is_here_or_named():
    assert {name for name, _ in CASES} | set(ELSEWHERE) == set(REPORTED)
    for place in ELSEWHERE.values():
        module, _, test = place.rpartition(".")
        assert callable(getattr(import_module(module), test)), place
