"""Which statements are made: data, no code. Every tested difference unless named."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Chosen:
    """Rows and metrics of a table that statements are made about; empty means all."""

    rows: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Headline:
    """One statement of the README: a difference of a row of a table and data set.

    With `real_first` simulated data are stated only where no real data are.
    """

    table: str
    dataset: str
    row: str
    metric: str
    real_first: bool = False


EVERY = Chosen()
# Tables whose comparisons another one states.
SILENT = frozenset({"btw_fusions"})
WITHOUT_ONE = Chosen(metrics=("macro_f1", "weighted_f1", "auroc"))
STATED: Mapping[str, Chosen] = MappingProxyType(
    {
        "btw_table8": WITHOUT_ONE,
        "btw_table9": WITHOUT_ONE,
    }
)
TRUTH = "i2moe_interpretation_truth"
HEADLINES = (
    Headline("btw_table3", "mosi", "bi_level", "mae_vs_moe"),
    Headline("btw_noise", "mosi", "exchanged_30", "bi_level_gain", real_first=True),
    Headline("btw_table7", "icu_all", "bi_level", "weighted_f1_vs_fusemoe"),
    Headline(TRUTH, "planted_uniform", "i2moe", "told_vs_uniform"),
    Headline(TRUTH, "planted_uniform", "i2moe", "told_vs_disagreement"),
    Headline(TRUTH, "planted_hidden", "i2moe", "told_vs_uniform"),
)
# Parts of row codes that no name of params.yaml spells.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "zero": "absent = zero",
        "planted": "planted reliability",
        "named": "rows with an expert",
    }
)
# Tables with a control of their own, which is no oracle: the row and what it shows.
OWN_CONTROLS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "i2moe_probe": (
            "untrained",
            "No oracle row; the control is I2MoE, untrained: experts as drawn react "
            "to any change, so that what survives of theirs shows that the probe sees "
            "values of other rows, and lean nowhere. It says nothing of removing.",
        ),
    }
)
# The row whose weights are the planted reliability.
CONTROL = "oracle"
# In these rows the oracle knows something else.
EXCHANGED, KNOWN = "exchanged", "knowing what is exchanged"
# Tables with rows more that are one.
MORE_CONTROLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"i2moe_coupling": ("posterior", "posterior_largest")}
)
PLANTED = "planted"  # the same where it is no row of a model
