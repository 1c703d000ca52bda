"""Every fusion with some of its options, for the suite that all of them pass."""

from collections.abc import Callable
from functools import partial
from typing import Any

from repro.models.fusions.interface import fusion_class, fusion_names, no_experts
from tests.repro.models.fusions.fusion_cases import (
    AtEmbedding,
    concat,
    early,
    experts_of,
    flattened,
    fuse_moe,
    interpretcc,
    late,
    moe,
    moe_plus_plus,
    mult,
    small,
    switch,
)

# A later fusion joins the whole suite by itself, with the sizes of its preset.
NAMES = fusion_names()
PLAIN: dict[str, Callable[..., Any]] = {n: partial(small, n) for n in NAMES}
PLAIN |= {"fusemoe": fuse_moe, "flattened": flattened, "mult": mult}
WEIGHTED_NAMES = [n for n in NAMES if fusion_class(n).weight_sites]


def at_embedding(name: str, seeds: int, modalities: int) -> AtEmbedding:
    """A fusion with its weights in the tokens."""
    return AtEmbedding(PLAIN[name](seeds, modalities))


OPTIONS: dict[str, Callable[..., Any]] = {
    "moe joint softmax": partial(moe, router="joint", gate="softmax"),
    "moe disjoint gaussian": partial(moe, router="disjoint", gate="gaussian"),
    "moe log space": partial(moe, log_space=True),
    "fusemoe one output": partial(fuse_moe, outputs=1, router="joint", gate="softmax"),
    "mult four outputs": partial(mult, outputs=4, readout="last", zero_key=True),
    "concat four outputs": partial(concat, outputs=4, residual="paper_code"),
    "switchgate four outputs": partial(switch, outputs=4, router="per_modality"),
    "interpretcc four outputs": partial(interpretcc, outputs=4, threshold=0.4),
    "moe_plus_plus four outputs": partial(moe_plus_plus, outputs=4, experts=8),
    "early four outputs": partial(early, outputs=4),
    "late four outputs": partial(late, outputs=4),
}
# Interaction experts of a fusion are held to what the fusion is held to.
WRAPPED_NAMES = [n for n in NAMES if no_experts(n, "full") is None]
OPTIONS |= {f"{n} experts": partial(experts_of, n) for n in WRAPPED_NAMES}
OPTIONS |= {
    f"{n} experts of labels": partial(experts_of, n, outputs=6)
    for n in ("concat_transformer", "interpretcc")
}
OPTIONS |= {
    f"concat experts {variant}": partial(
        experts_of, "concat_transformer", variant=variant
    )
    for variant in ("latent_contrastive", "less_forward", "synergy_redundancy")
}
AT_EMBEDDING = {f"{n} embedding site": partial(at_embedding, n) for n in WEIGHTED_NAMES}
FUSIONS = PLAIN | OPTIONS | AT_EMBEDDING
SHAPES = [(3, 1), (2, 3)]  # modalities and tokens
CASES = [(name, shape) for name in FUSIONS for shape in SHAPES]
CASES += [("moe", (1, 1)), ("moe", (4, 2)), ("moe disjoint gaussian", (4, 1))]
CASES += [(name, (m, 3)) for name in ("fusemoe", "flattened") for m in (1, 4)]
ATTENTION = ("mult", "concat_transformer", "switchgate", "moe_plus_plus")
CASES += [(n, shape) for n in ATTENTION for shape in ((1, 1), (1, 3), (4, 2))]
SIMPLE = ("early_fusion", "late_fusion", "low_rank", "interpretcc")
CASES += [(n, (4, 2)) for n in (*SIMPLE, "mmim", "ithp")]
CASES += [(n, (1, 3)) for n in ("early_fusion", "low_rank", "interpretcc")]
WEIGHTED = [(name, shape) for name, shape in CASES if name != "ithp"]
AT_CONTRIBUTION = [case for case in WEIGHTED if case[0] not in AT_EMBEDDING]
