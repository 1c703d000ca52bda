"""What every fusion is, takes and gives, and the one place where weights multiply.

A fusion is one file of this folder. Its constant `FUSION` is an `nn.Module` class with
`FUSION(shape, sizes)`, `forward(FusionInput) -> FusionOutput` and the attributes of
`FusionClass`. It keeps this law: weights of one leave it unchanged bit for bit, and at
its own site, `contribution`, weight 0 equals a modality that is masked out. The site
`embedding` lies ahead of every fusion (`at_site`).
"""

import pkgutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from repro.models import fusions
from repro.params.naming import unknown
from repro.params.strict import Strict

ANCHOR = "text"  # what MMIM measures information with, and ITHP predicts from
SITES = ("contribution", "embedding")
# What interaction experts add: a loss, and for each instance logits and weights.
INTERACTION = "interaction"
EXPERT_LOGITS, EXPERT_WEIGHTS = "expert_logits", "expert_weights"
# The kinds of tokens that each kind of data sets can be turned into.
SERVED_BY = {"last_state": ("last_state", "series"), "query": ("query",)}


@dataclass(frozen=True)
class FusionShape:
    """What a fusion does not choose itself: data, tokens, number of experts.

    `time` is the most tokens of a modality, `anchor` the place of the text among the
    modalities, `raw_widths` the number of features of each.
    """

    seeds: int
    modalities: int
    width: int
    outputs: int = 1
    time: int = 1
    anchor: int | None = None
    raw_widths: Sequence[int] = ()
    experts: int = 1
    top_k: int = 1
    log_space: bool = False


@dataclass(frozen=True)
class FusionInput:
    """Tokens of all modalities, padded to one length, for every stacked seed.

    `mask` is True for tokens that count; a modality that is absent and masked out has
    no such token. `weights` (None: unweighted) are data, never trained.
    `generators` drive dropout and router noise, one per seed; None is evaluation.
    In training alone, `targets` are the labels and `raw` the features of each modality,
    averaged over time (zeros where absent), for fusions whose losses need them.
    `present` (None: what has tokens that count) is False where a placeholder stands.
    """

    tokens: Float[Tensor, "seeds modalities batch time width"]
    mask: Bool[Tensor, "seeds modalities batch time"]
    weights: Float[Tensor, "seeds batch modalities"] | None = None
    generators: Sequence[Generator] | None = None
    router_generators: Sequence[Generator] | None = None
    targets: Float[Tensor, "seeds batch"] | None = None
    raw: Sequence[Float[Tensor, "seeds batch _features"]] | None = None
    present: Bool[Tensor, "seeds batch modalities"] | None = None


@dataclass(frozen=True)
class FusionOutput:
    """Prediction, fused vector, unweighted auxiliary losses (with gradient), gates."""

    logits: Float[Tensor, "seeds batch outputs"]
    fused: Float[Tensor, "seeds batch features"]
    losses: Mapping[str, Float[Tensor, " seeds"]]
    gates: Mapping[str, Tensor]


@runtime_checkable  # tests check types at run time
class FusionClass(Protocol):
    """What the class of every fusion states.

    `Sizes`: its block in a preset. A fusion with losses of its own has a property
    `loss_weights` there, what each is multiplied with.
    `tokens`: those it takes, of last_state (one token per modality), series (moments of
    a sequence) and query (common times).
    `weight_sites`: where modality weights can act on it; none if it takes no weights.
    `needs_text`: in which samples the data must have text, beside another modality;
    such a fusion works with missing: mask only.
    `reads_raw`: whether its losses need `FusionInput.raw`.
    `losses`: names of its auxiliary losses; `balance` is weighted by training settings.
    `auxiliary_loss`: the loss that a first phase of each epoch minimizes over
    `auxiliary_parameters()` with the learning rate `Sizes.lr`, or None.
    A fusion that interaction experts cannot be made of also has `no_experts`, a mapping
    to the reason from the variant that it cannot have, or from `any`.
    """

    Sizes: type[Strict]
    tokens: tuple[str, ...]
    weight_sites: tuple[str, ...]
    needs_text: Literal["never", "somewhere", "everywhere"]
    reads_raw: bool
    losses: tuple[str, ...]
    auxiliary_loss: str | None

    def __call__(self, shape: FusionShape, sizes: Strict) -> nn.Module:
        """The fusion, its parameters not drawn yet."""


def fusion_names() -> list[str]:
    """Names of all fusions: the modules of this folder."""
    found = pkgutil.iter_modules(fusions.__path__)
    return sorted(m.name for m in found if m.name != "interface")


def fusion_class(name: str) -> FusionClass:
    """The fusion of a file of this folder.

    Raises:
        ValueError: there is no such file, or its class does not state everything.

    >>> fusion_class("mult").__name__
    'MulT'
    """
    known = fusion_names()
    if name not in known:
        raise ValueError(unknown("fusion", name, known))
    found = import_module(f"{fusions.__name__}.{name}").FUSION
    missing = [a for a in FusionClass.__annotations__ if not hasattr(found, a)]
    if missing:
        raise ValueError(
            f"fusion={name!r}: {found.__name__} does not state {', '.join(missing)}; "
            "see FusionClass in fusions/interface.py"
        )
    return found


def refusal(name: str, kind: str, *, site: str | None, missing: str) -> str | None:
    """Why a fusion cannot do what is asked of it, and what can; None if it can.

    `kind` is that of the data set's tokens, last_state or query; `site` is where
    weights are to act on it, None without weights.

    >>> refusal("mult", "last_state", site="embedding", missing="mask") is None
    True
    """
    fusion = fusion_class(name)
    if not _serves(fusion, kind):
        kinds = [k for k in SERVED_BY if _serves(fusion, k)]
        return (
            f"takes {' and '.join(kinds)} tokens only, the data set has {kind}; use "
            f"one of {', '.join(_able(kind, weighted=False))}"
        )
    if site and not fusion.weight_sites:
        return (
            f"predicts from {ANCHOR} alone, so that modality weights have nothing to "
            f"multiply; weights go with {', '.join(_able(kind, weighted=True))}"
        )
    if site and site not in fusion.weight_sites:
        return (
            f"has no site {site!r} for weights; use one of "
            f"{', '.join(fusion.weight_sites)}"
        )
    if fusion.needs_text != "never" and missing != "mask":
        return (
            f"has losses of present modalities only, so missing={missing!r} has no "
            "meaning; use missing: mask"
        )
    return None


def _serves(fusion: FusionClass, kind: str) -> bool:
    return not set(fusion.tokens).isdisjoint(SERVED_BY[kind])


def _able(kind: str, *, weighted: bool) -> list[str]:
    every = {name: fusion_class(name) for name in fusion_names()}
    serving = {name: f for name, f in every.items() if _serves(f, kind)}
    return [n for n, f in serving.items() if f.weight_sites or not weighted]


def no_experts(name: str, variant: str) -> str | None:
    """Why interaction experts of a variant cannot be made of a fusion, or None.

    >>> no_experts("concat_transformer", "full") is None
    True
    """
    reasons: Mapping[str, str] = getattr(fusion_class(name), "no_experts", {})
    return reasons.get("any") or reasons.get(variant)


def unable(
    name: str, names: Collection[str], samples: int, anchored: int
) -> str | None:
    """Why a fusion cannot be trained on the data, or None if it can.

    `anchored` of the `samples` have text.

    >>> unable("mmim", ("audio", "video"), 9, 0)
    'MMIM needs text and another modality; the data have audio, video'
    >>> unable("ithp", ("text", "audio"), 9, 7)
    'ITHP needs text in every sample; 2 have none'
    """
    needed = fusion_class(name).needs_text
    if needed == "never":
        return None
    if ANCHOR not in names or len(names) < 2:
        have = ", ".join(names)
        return (
            f"{name.upper()} needs {ANCHOR} and another modality; the data have {have}"
        )
    if needed == "everywhere" and anchored < samples:
        absent = samples - anchored
        return f"{name.upper()} needs {ANCHOR} in every sample; {absent} have none"
    return None


def checked_anchor(name: str, shape: FusionShape) -> int:
    """The place of the anchor, for fusions that relate it to other modalities.

    Raises:
        ValueError: there is no other modality, or no such anchor.
    """
    most = shape.modalities - 1
    if most < 1:
        raise ValueError(
            f"modalities={shape.modalities}: {name} relates an anchor to other "
            "modalities; use two or more"
        )
    if shape.anchor is None or not 0 <= shape.anchor <= most:
        raise ValueError(
            f"anchor={shape.anchor}: {name} has no such modality; choose 0 to {most}"
        )
    return shape.anchor


def weighted(
    values: Float[Tensor, "seeds modalities batch *rest"],
    weights: Float[Tensor, "seeds batch modalities"] | None,
) -> Float[Tensor, "seeds modalities batch *rest"]:
    """Multiply values of each modality by its weight; the only multiplication.

    >>> import torch
    >>> values = torch.ones(1, 2, 1, 3)
    >>> weighted(values, torch.tensor([[[0.5, 2.0]]]))[0, :, 0, 0].tolist()
    [0.5, 2.0]
    """
    if weights is None:
        return values
    factor = weights.detach().transpose(1, 2)
    return values * factor.reshape(*factor.shape, *(1,) * (values.dim() - 3))


def at_site(inputs: FusionInput, site: str) -> FusionInput:
    """The input with its weights applied, if the site is ahead of the fusion.

    >>> import torch
    >>> tokens, mask = torch.ones(1, 2, 1, 1, 1), torch.ones(1, 2, 1, 1).bool()
    >>> inputs = FusionInput(tokens, mask, torch.tensor([[[0.5, 2.0]]]))
    >>> at_site(inputs, "embedding").tokens.flatten().tolist()
    [0.5, 2.0]
    """
    if site != "embedding":
        return inputs
    tokens = weighted(inputs.tokens, inputs.weights)
    return replace(inputs, tokens=tokens, weights=None)
