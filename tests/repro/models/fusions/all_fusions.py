"""Every fusion with some of its options, for the suite that all of them pass."""

from collections.abc import Callable
from functools import partial

from torch import nn

from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.low_rank import LowRankFusion
from repro.models.fusions.mult import MulT
from repro.models.fusions.simple import EarlyFusion, LateFusion
from tests.repro.models.attention_cases import concat, mult
from tests.repro.models.fusions.fusion_cases import (
    early,
    fuse_moe,
    ithp,
    late,
    low_rank,
    mmim,
    moe,
)

# A later fusion joins the whole suite with one line.
FUSIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "moe": moe,
    "moe joint softmax": partial(moe, router="joint", gate="softmax"),
    "moe disjoint gaussian": partial(moe, router="disjoint", gate="gaussian"),
    "moe log space": partial(moe, log_space=True),
    "moe embedding site": partial(moe, weight_site="embedding"),
    "fusemoe": fuse_moe,
    "fusemoe one output": partial(fuse_moe, outputs=1, router="joint", gate="softmax"),
    "fusemoe embedding site": partial(fuse_moe, weight_site="embedding"),
    "fusemoe flattened": partial(fuse_moe, flattened=True),
    "mult": mult,
    "mult four outputs": partial(mult, outputs=4, readout="last", zero_key=True),
    "mult embedding site": partial(mult, weight_site="embedding"),
    "concat": concat,
    "concat four outputs": partial(concat, outputs=4, residual="paper_code"),
    "concat embedding site": partial(concat, weight_site="embedding"),
    "early": early,
    "early four outputs": partial(early, outputs=4),
    "late": late,
    "late embedding site": partial(late, weight_site="embedding"),
    "late four outputs": partial(late, outputs=4),
    "low rank": low_rank,
    "low rank embedding site": partial(low_rank, weight_site="embedding"),
    "mmim": mmim,
    "mmim embedding site": partial(mmim, weight_site="embedding"),
    "ithp": ithp,
}
# Fusions without auxiliary losses: they route nothing.
WITHOUT_LOSSES = (MulT, ConcatTransformer, EarlyFusion, LateFusion, LowRankFusion)
SHAPES = [(3, 1), (2, 3)]  # modalities and tokens
CASES = [(name, shape) for name in FUSIONS for shape in SHAPES]
CASES += [("moe", (1, 1)), ("moe", (4, 2)), ("moe disjoint gaussian", (4, 1))]
CASES += [(name, (m, 3)) for name in ("fusemoe", "fusemoe flattened") for m in (1, 4)]
CASES += [(n, shape) for n in ("mult", "concat") for shape in ((1, 1), (1, 3), (4, 2))]
CASES += [(n, (4, 2)) for n in ("early", "late", "low rank", "mmim", "ithp")]
CASES += [(n, (1, 3)) for n in ("early", "low rank")]
WEIGHTED = [(name, shape) for name, shape in CASES if name != "ithp"]
AT_CONTRIBUTION = [case for case in WEIGHTED if "embedding site" not in case[0]]
