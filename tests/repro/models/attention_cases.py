"""Small attention fusions for the tests that every fusion passes."""

from repro.models.fusions.concat_transformer import ConcatTransformer
from repro.models.fusions.mult import DropoutRates, MulT
from tests.repro.models.fusions.fusion_cases import WIDTH

RATES = DropoutRates(embedding=0.1, attention=0.1, hidden=0.1, residual=0.1, head=0.1)


def mult(seeds: int, modalities: int, **changes: object) -> MulT:
    """A small MulT with random parameters."""
    settings = {
        "width": WIDTH,
        "heads": 2,
        "layers": 2,
        "self_layers": 1,
        "rates": RATES,
    }
    return MulT(seeds, modalities, **(settings | changes))


def concat(seeds: int, modalities: int, **changes: object) -> ConcatTransformer:
    """A small concat transformer with random parameters."""
    settings = {"width": WIDTH, "heads": 2, "layers": 2, "max_time": 8, "rate": 0.1}
    return ConcatTransformer(seeds, modalities, **(settings | changes))
