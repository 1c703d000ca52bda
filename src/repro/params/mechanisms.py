"""What params.yaml says of planted interactions: what tells the label, row by row."""

from itertools import combinations
from typing import Annotated

from pydantic import Field, model_validator

from repro.params.strict import Name, NotNegative, Seed, Share, Strict, Width

SHARES_MISS = 1e-9  # what shares may miss 1 by


def modality_names(modalities: int) -> tuple[str, ...]:
    """Names of the modalities of a planted set.

    >>> modality_names(2)
    ('m1', 'm2')
    """
    return tuple(f"m{number}" for number in range(1, modalities + 1))


def expert_mechanisms(modalities: int) -> tuple[str, ...]:
    """Mechanisms that interaction experts have a name for, in the order of the experts.

    >>> expert_mechanisms(2)
    ('unique_m1', 'unique_m2', 'synergy', 'redundancy')
    """
    unique = (f"unique_{name}" for name in modality_names(modalities))
    return (*unique, "synergy", "redundancy")


def known_mechanisms(modalities: int) -> tuple[str, ...]:
    """All mechanisms: those of the experts, then those of two of several modalities.

    >>> known_mechanisms(3)[5:]
    ('synergy_m1_m2', 'synergy_m1_m3', 'synergy_m2_m3', 'redundancy_m1_m2', \
'redundancy_m1_m3', 'redundancy_m2_m3')
    """
    pairs = list(combinations(modality_names(modalities), 2)) if modalities > 2 else []
    kinds = ("synergy", "redundancy")
    of_pairs = [f"{kind}_{one}_{two}" for kind in kinds for one, two in pairs]
    return (*expert_mechanisms(modalities), *of_pairs)


class InteractionSet(Strict):
    """One mix of mechanisms.

    `visible` is the probability that the tag of a modality names the mechanism of its
    row; otherwise the tag is drawn. `shares` are those of the mechanisms.
    """

    modalities: Annotated[int, Field(ge=2, le=4)]
    classes: Annotated[int, Field(ge=2, le=10)]
    visible: Share
    shares: dict[Name, Share]

    @model_validator(mode="after")
    def _shares_are_of_known_mechanisms(self) -> "InteractionSet":
        known = known_mechanisms(self.modalities)
        odd = [name for name in self.shares if name not in known]
        if odd:
            raise ValueError(
                f"shares: {odd[0]!r} is no mechanism of {self.modalities} modalities; "
                f"choose of {', '.join(known)}"
            )
        total = sum(self.shares.values())
        if abs(total - 1) > SHARES_MISS:
            raise ValueError(f"shares: sum to {total:g}; make them sum to 1")
        return self

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Mechanisms that may occur, those of the experts first."""
        known, named = known_mechanisms(self.modalities), set(self.shares)
        experts = expert_mechanisms(self.modalities)
        return tuple(name for name in known if name in named or name in experts)


class InteractionSimulation(Strict):
    """The simulator of planted interactions.

    `redrawn` is the share of rows whose label is drawn anew, `width` the features of a
    modality, `noise` the standard deviation of the noise on each.
    """

    seed: Seed
    redrawn: Share
    width: Width
    noise: NotNegative
    sets: dict[Name, InteractionSet]

    @model_validator(mode="after")
    def _codes_and_tags_fit(self) -> "InteractionSimulation":
        for name, planned in self.sets.items():
            needed = planned.classes + len(planned.mechanisms)
            if needed > self.width:
                raise ValueError(
                    f"width={self.width} does not hold the {planned.classes} codes and "
                    f"{len(planned.mechanisms)} tags of {name}; give {needed} or more"
                )
        return self
