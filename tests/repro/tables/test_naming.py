"""Tables and figures by the names that stages are given."""

from types import SimpleNamespace

import pytest

from repro.figures.naming import figure
from repro.tables import btw
from repro.tables.naming import table


def test_a_name_starts_with_its_paper(study: SimpleNamespace) -> None:
    assert table(study.params, "btw_table3") is btw.TABLES["table3"]
    assert figure("btw_noise_stress").__name__ == "noise_stress"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("btv_table3", "paper 'btv' is unknown; did you mean 'btw'"),
        ("btw_tabel3", "table of btw 'tabel3' is unknown; did you mean 'table3'"),
        ("table3", "paper 'table3' is unknown"),
        ("own_x", "cell of the group own 'x' is unknown"),
    ],
)
def test_unknown_names_tell_the_nearest(
    study: SimpleNamespace, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        table(study.params, name)


def test_an_unknown_figure_tells_the_nearest(study: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="did you mean 'figure3'"):
        figure("btw_figur3")
