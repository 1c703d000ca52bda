"""Weight decay by name, over the parameters of every fusion."""

import pytest
import torch
from torch import nn

from repro.models.predictor import Predictor
from repro.training.decay import exempt_parameters, is_exempt
from repro.training.optimization import StackedAdam
from tests.repro.models.architectures import QUERY, small_architecture
from tests.repro.small_icu import small_icu_inputs

EXEMPT = {
    "fusion.positions.modality",
    "fusion.positions.place",
    "fusion.layers.0.before_attention.scale",
    "fusion.layers.0.before_attention.shift",
    "fusion.after_layers.scale",
    "fusion.after_layers.shift",
    "tokens.embedding.frequency",
    "tokens.embedding.phase",
}


def names_of(fusion: str) -> tuple[set[str], set[str]]:
    """Names of the parameters that are exempt, and of those that decay."""
    architecture = small_architecture(fusion, QUERY, outputs=4)
    model = Predictor(1, small_icu_inputs(), architecture)
    exempt = exempt_parameters(model)
    named = dict(model.named_parameters())
    left = {name for name, p in named.items() if id(p) in exempt}
    return left, set(named) - left


def test_norms_places_and_times_are_exempt_and_matrices_are_not() -> None:
    left, decayed = names_of("fusemoe")
    assert left >= EXEMPT
    last = {name.rpartition(".")[2] for name in EXEMPT}
    assert {name.rpartition(".")[2] for name in left} == last
    assert not any("norm" in name or "before_" in name for name in decayed)
    assert "fusion.layers.0.attention.project.weight" in decayed
    assert "tokens.encoders.0.gate.bias" in decayed
    assert any(name.endswith("centers") for name in decayed)


def test_learned_positions_of_the_concat_transformer() -> None:
    left, decayed = names_of("concat_transformer")
    assert "fusion.positions" in left
    assert any(n.endswith("attention.weight") for n in decayed)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tokens.text.copies.0.encoder.layer.0.output.LayerNorm.weight", True),
        ("tokens.text.copies.0.embeddings.position_embeddings.weight", True),
        ("tokens.text.copies.0.encoder.rel_embeddings.weight", True),
        ("tokens.text.copies.0.embeddings.word_embeddings.weight", False),
        ("tokens.text.copies.0.encoder.layer.0.output.dense.bias", False),
    ],
)
def test_names_of_a_fine_tuned_encoder(name: str, expected: bool) -> None:
    assert is_exempt(name) is expected


def test_without_a_gradient_only_what_decays_moves() -> None:
    gain, matrix = (nn.Parameter(torch.ones(2, 3)) for _ in range(2))
    optimizer = StackedAdam(
        [gain, matrix], seeds=2, lr=0.1, weight_decay=0.5, clip=1.0, exempt={id(gain)}
    )
    (0.0 * (gain.sum() + matrix.sum())).backward()
    optimizer.step()
    assert torch.equal(gain, torch.ones(2, 3))
    assert torch.allclose(matrix, torch.full((2, 3), 0.9), atol=1e-5)
