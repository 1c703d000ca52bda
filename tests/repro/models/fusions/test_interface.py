"""What a fusion states, how it is found, and where its weights multiply."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from repro.models import fusions
from repro.models.batch import gather
from repro.models.fusions.interface import (
    SITES,
    FusionClass,
    at_site,
    fusion_class,
    refusal,
    unable,
    weighted,
)
from repro.models.predictor import Predictor
from repro.training.optimization import StackedAdam
from tests.repro.models.architectures import small_architecture
from tests.repro.models.fusions.all_fusions import FUSIONS, NAMES
from tests.repro.models.fusions.fusion_cases import (
    BATCH,
    SEEDS,
    random_input,
    small_sizes,
)
from tests.repro.small_study import small_inputs

TOY = """
from torch import nn

from repro.models.fusions.interface import SITES, FusionOutput, weighted
from repro.models.layers.pooling import side_by_side, token_mean
from repro.models.layers.stacked import StackedLinear
from repro.params.strict import Positive, Strict


class Toy(nn.Module):
    class Sizes(Strict):
        scale: Positive

    tokens = ("last_state",)
    weight_sites = SITES
    needs_text = "never"
    reads_raw = False
    losses = ()
    auxiliary_loss = None

    def __init__(self, shape, sizes):
        super().__init__()
        features = shape.modalities * shape.width
        self.head = StackedLinear(shape.seeds, features, shape.outputs)
        self.scale = sizes.scale

    def forward(self, inputs):
        pooled = token_mean(inputs.tokens, inputs.mask) * self.scale
        fused = side_by_side(weighted(pooled, inputs.weights))
        return FusionOutput(self.head(fused), fused, losses={}, gates={})


FUSION = Toy
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fusion that a user has added, as one file."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(fusions, "__path__", [*fusions.__path__, str(tmp_path)])
    yield tmp_path / "toy.py"
    sys.modules.pop("repro.models.fusions.toy", None)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("site", SITES)
def test_a_fusion_is_one_file(site: str) -> None:
    shape = replace(
        small_architecture(), fusion="toy", sizes={"scale": 2.0}, weight_site=site
    )
    inputs = small_inputs()
    model = Predictor(2, inputs, shape)
    model.initialize([torch.Generator().manual_seed(s) for s in range(2)])
    batch = gather(inputs, torch.arange(24).expand(2, -1))
    parameters = model.stacked_parameters()
    optimizer = StackedAdam(parameters, seeds=2, lr=0.01, weight_decay=0.0, clip=1.0)
    errors = []
    for _ in range(2):
        logits = model(batch, torch.full((2, 24, 3), 0.5)).logits
        errors.append((logits[..., 0] - batch.y).square().mean())
        optimizer.zero_grad()
        errors[-1].backward()
        optimizer.step()
    assert errors[1] < errors[0]
    assert "toy" in str(refusal("ithp", "last_state", site="embedding", missing="mask"))


def test_a_file_that_states_too_little_is_refused_by_what_it_lacks(toy: Path) -> None:
    toy.write_text(TOY.replace("reads_raw = False", "").replace("losses = ()", ""))
    with pytest.raises(ValueError, match=r"'toy': Toy does not state reads_raw, loss"):
        fusion_class("toy")


@pytest.mark.parametrize("name", NAMES)
def test_every_fusion_states_what_it_takes_and_gives(name: str) -> None:
    fusion = fusion_class(name)
    assert {a for a in FusionClass.__annotations__ if not hasattr(fusion, a)} == set()
    assert fusion.__module__ == f"repro.models.fusions.{name}"
    assert set(fusion.tokens) <= {"last_state", "series", "query"}
    assert len(fusion.tokens) > 0
    assert fusion.weight_sites in (SITES, SITES[:1], ())
    assert fusion.needs_text in ("never", "somewhere", "everywhere")
    assert isinstance(fusion.reads_raw, bool)
    sizes = fusion.Sizes(**small_sizes(name))
    own = getattr(sizes, "loss_weights", {})
    assert set(own) == set(fusion.losses) - {"balance"}
    if fusion.auxiliary_loss is not None:
        assert fusion.auxiliary_loss in fusion.losses
        assert sizes.lr > 0
        assert len(FUSIONS[name](1, 3).auxiliary_parameters()) > 0


def test_a_wrong_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"'latefusion' is .*mean 'late_fusion'.*mult"):
        fusion_class("latefusion")
    with pytest.raises(ValueError, match=r"fusion 'interface' is unknown"):
        fusion_class("interface")


@pytest.mark.parametrize(
    ("name", "kind", "site", "missing", "message"),
    [
        ("moe", "query", None, "mask", "takes last_state tokens only.*fusemoe"),
        ("fusemoe", "last_state", None, "mask", "takes query tokens only.*ithp.*moe"),
        ("mmim", "query", None, "mask", "takes last_state tokens only"),
        (
            "ithp",
            "last_state",
            "embedding",
            "mask",
            "from text alone.*late_fusion.*, moe",
        ),
        ("mmim", "last_state", "embedding", "zero", "missing='zero' has no meaning"),
        (
            "moe",
            "last_state",
            "head",
            "mask",
            "no site 'head'.*contribution, embedding",
        ),
    ],
)
def test_a_refusal_names_what_can(
    name: str, kind: str, site: str | None, missing: str, message: str
) -> None:
    found = refusal(name, kind, site=site, missing=missing)
    assert found is not None
    assert re.search(message, found)
    assert name not in found.split(";")[1].replace(",", "").split()


@pytest.mark.parametrize("kind", ["last_state", "query"])
@pytest.mark.parametrize("name", ["mult", "concat_transformer", "low_rank"])
def test_some_fusions_can_do_everything(name: str, kind: str) -> None:
    assert refusal(name, kind, site="contribution", missing="zero") is None
    assert unable(name, (), 9, 0) is None


def test_data_must_have_what_a_fusion_needs() -> None:
    assert unable("mmim", ("audio", "text"), 9, 1) is None
    assert unable("mmim", ("text",), 9, 9) is not None
    assert unable("ithp", ("audio", "text"), 9, 9) is None
    assert unable("ithp", ("audio", "text"), 9, 8) is not None


def test_at_its_own_site_a_fusion_gets_weights_and_tokens_as_they_are() -> None:
    inputs = replace(random_input(2, 1), weights=torch.ones(SEEDS, BATCH, 2))
    assert at_site(inputs, "contribution") is inputs


def test_weighted_multiplies_by_hand() -> None:
    values = torch.arange(4.0).view(1, 2, 2, 1)
    weights = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]])
    assert weighted(values, weights).flatten().tolist() == [0.0, 2.0, 20.0, 60.0]
    assert weighted(values, None) is values
