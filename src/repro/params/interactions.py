"""Interaction experts around a fusion: what a recipe can ask of them (I2MoE)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from repro.params.strict import NotNegative, Positive, Rate, Strict, Width

Variant = Literal[
    "full",
    "no_interaction",
    "latent_contrastive",
    "simple_weight",
    "less_forward",
    "synergy_redundancy",
    "trained_alone",
]
VARIANTS: tuple[Variant, ...] = Variant.__args__  # type: ignore[attr-defined]
Mask = Literal["random", "mean", "zero", "matched", "shuffled"]
MASKS: tuple[Mask, ...] = Mask.__args__  # type: ignore[attr-defined]
Form = Literal["paper", "released", "centred"]
SYNERGY, REDUNDANCY, UNIQUE = "synergy", "redundancy", "unique_"


class Reweighting(Strict):
    """The network that weights the experts of an instance; one layer has no hidden."""

    layers: Annotated[int, Field(ge=1, le=16)] = 2
    hidden: Width = 64
    temperature: Positive = 1.0
    dropout: Rate = 0.5


class Interaction(Strict):
    """How interaction experts are made of a fusion and trained.

    `variant`: `full`, an ablation of the paper at the same sizes, or `trained_alone`,
    the one `expert` of that name. `mask`: what replaces a modality; `losses`: which
    form; `strength` multiplies their mean over experts. `initial`: experts start as
    copies of one draw or each from its own. `drawn`: whether Less-Forward draws two
    modalities for each sample or, as released, for a batch. `probe`: draws of the
    masks that trained experts are probed with; 0 for no probe.

    Source: I2MoE, section 3, and its appendix G for the settings.
    """

    variant: Variant = "full"
    mask: Mask = "random"
    losses: Form = "paper"
    initial: Literal["identical", "independent"] = "identical"
    strength: NotNegative = 0.5
    drawn: Literal["sample", "batch"] = "sample"
    expert: str | None = None
    probe: Annotated[int, Field(ge=0, le=64)] = 0
    reweighting: Reweighting = Reweighting()

    @model_validator(mode="after")
    def _fields_go_together(self) -> "Interaction":
        is_alone = self.variant == "trained_alone"
        if is_alone != (self.expert is not None):
            raise ValueError(
                f"expert={self.expert!r} with variant={self.variant!r}: name one with "
                "trained_alone, and none with any other variant"
            )
        if self.drawn == "batch" and self.variant != "less_forward":
            raise ValueError(
                f"drawn='batch' with variant={self.variant!r}: only less_forward draws "
                "modalities; leave it out"
            )
        return self

    @property
    def has_losses(self) -> bool:
        """Whether training looks at masked modalities at all."""
        return self.strength > 0 and self.variant != "no_interaction"
