"""Data sets of folders: which options go with which layout."""

import pytest

from repro.params.datasets import FolderSet

ADNI = {
    "title": "ADNI",
    "task": "classification",
    "classes": ["CN", "MCI", "AD"],
    "groups": "subjects",
    "tokens": "last_state",
    "layout": "adni",
    "source": "own",
    "path": "data/raw/adni",
    "split": "grouped",
}


def test_options_of_adni_have_their_defaults():
    found = FolderSet.model_validate(ADNI)
    assert (found.visit, found.linkage) == ("baseline", 1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": "published"}, "it needs task: classification and split: grouped"),
        ({"visit": "m12"}, "'baseline' or 'published'"),
        ({"linkage": 1.5}, "less than or equal to 1"),
        ({"layout": "enrico", "linkage": 0.5}, "layout='enrico' with linkage, which"),
        ({"layout": "enrico", "visit": "baseline"}, "with visit, which are of adni"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    changes: dict[str, object], said: str
):
    with pytest.raises(ValueError, match=said):
        FolderSet.model_validate({**ADNI, **changes})
