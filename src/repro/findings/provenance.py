"""Where numbers of real data come from; without it nothing is said of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from repro import paths
from repro.files import read_json
from repro.params.naming import sentence
from repro.params.strict import NotNegative, Strict


class Provenance(Strict):
    """What a reader needs to ask for the same numbers again.

    `checksums` are SHA-256 of the raw files by name, `parameters` what was set, by its
    place in the settings; `seconds` is the CPU time of all runs together on `device`.
    `remark` says what the numbers can be compared with.
    """

    source: Annotated[str, Field(min_length=1)]
    checksums: Annotated[dict[str, str], Field(min_length=1)]
    parameters: Annotated[dict[str, Any], Field(min_length=1)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")]
    seconds: NotNegative
    device: str = ""
    remark: str = ""

    def __str__(self) -> str:
        return (
            f"{self.source}; {len(self.checksums)} checksums, commit {self.commit}, "
            f"{self.seconds:.0f} seconds{f' on {self.device}' if self.device else ''}"
        )


def place_of_block(block: str) -> Path:
    """The file that tells where a block of metrics comes from."""
    return paths.METRICS / "provenance" / f"{block}.json"


def known_provenance() -> Mapping[str, Provenance]:
    """metrics/provenance/<block>.json by block.

    Raises:
        ValueError: a file lacks a field or has one of another kind.
    """
    found = sorted(place_of_block("*").parent.glob("*.json"))
    return {path.stem: _read(path) for path in found}


def known_figures() -> Mapping[str, Sequence[str]]:
    """Names of the figures in plots/real/<block>, by block."""
    drawn: dict[str, list[str]] = {}
    for path in sorted(paths.REAL.glob("*/*.svg")):
        drawn.setdefault(path.parent.name, []).append(path.stem)
    return drawn


def _read(path: Path) -> Provenance:
    try:
        return Provenance.model_validate(read_json(path))
    except ValidationError as error:
        told = "; ".join(sentence(Provenance, e, "the file") for e in error.errors())
        raise ValueError(f"{path}: {told}; correct it there") from None
