"""Death within a year after a hospital visit: what is read, and what is simulated."""

from typing import Annotated, Literal

from pydantic import Field

from repro.params.strict import NotNegative, Positive, Seed, Share, Strict

Three = Annotated[list[NotNegative], Field(min_length=3, max_length=3)]


class VisitRules(Strict):
    """What is taken of the tables of visits.

    `notes`: discharge summaries of the visits before the index one (`earlier`), of the
    index one, too (`index`), or none. `small_cells`: whether counts of fewer than ten
    real patients are left out.
    """

    notes: Literal["earlier", "index", "none"] = "earlier"
    codes: Literal["all", "icd9_only"] = "all"
    time_policy: Literal["strict", "charttime"] = "strict"
    small_cells: Literal["suppress", "show"] = "suppress"


class VisitSimulation(Strict):
    """What the simulator of visits plants; lists in the order lab, note, code.

    Strengths are standard deviations of the parts of a score, whose highest share
    `positives` dies within the year; they need no common scale.
    """

    seed: Seed
    unique: Three
    shared: NotNegative
    synergy: NotNegative
    label_noise: NotNegative
    unreliable: Annotated[list[Share], Field(min_length=3, max_length=3)]
    unreliable_sd: Positive
    latent_noise: NotNegative
    positives: Annotated[float, Field(ge=0.05, le=0.95)]
