"""Small architectures of any fusion, for tests of whole models."""

from repro.models.architecture import Architecture
from repro.params.presets import LastState, Query
from tests.repro.models.fusions.fusion_cases import small_sizes

LAST_STATE = LastState(width=8, lstm_hidden=4, lstm_output=6, moments=2)
MIXTURE = {"layers": 1, "expert_hidden": 8, "feed_forward": 8}
QUERY = Query(
    width=8,
    query_times=4,
    heads=2,
    time_embedding=4,
    dropout=0.1,
    attention_dropout=0.1,
)


def small_architecture(
    fusion: str = "moe", tokens: LastState | Query = LAST_STATE, **changes: object
) -> Architecture:
    """A fusion with small sizes and four experts."""
    sizes = small_sizes(fusion)
    sizes = sizes | {name: size for name, size in MIXTURE.items() if name in sizes}
    stated = {"experts": 4, "top_k": 2} | changes
    return Architecture(fusion, sizes, tokens, **stated)  # type: ignore[arg-type]
