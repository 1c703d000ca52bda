"""What every block of params.yaml is made of: frozen, and refusing unknown keys."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen block; an unknown key or a value of another type stops the run."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


_TAG = re.compile(r"<[A-Za-z/!?]")
# Control characters, marks that steer the direction of a line, and widthless ones.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def _shown(text: str) -> str:
    """One line of text, as tables, figures and pages show it."""
    is_line = text == " ".join(text.split()) and not UNSEEN.search(text)
    if not text or not is_line or _TAG.search(text):
        raise ValueError(
            "is shown in tables; write one line, no spaces at its ends, no <tag> and "
            "no mark that cannot be seen"
        )
    return text


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]  # a part of paths
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
# What is finite but larger than these fills memory or overflows, which a study of any
# size does not need; the bound stands in the message.
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Width = Annotated[int, Field(ge=1, le=16_384)]  # units, dimensions, tokens, pixels
Few = Annotated[int, Field(ge=1, le=1024)]  # layers, heads, experts, rows of a sample
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every generator takes
Shown = Annotated[str, Field(max_length=80), AfterValidator(_shown)]


def _least_first(bounds: list[int]) -> list[int]:
    if bounds[0] > bounds[-1]:
        raise ValueError("give the least and then the greatest count")
    return bounds


Range = Annotated[
    list[Few], Field(min_length=2, max_length=2), AfterValidator(_least_first)
]
