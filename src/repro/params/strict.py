"""What every block of params.yaml is made of: frozen, and refusing unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A frozen block; an unknown key or a value of another type stops the run."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]  # a part of paths
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
