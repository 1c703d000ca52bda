"""Whether stored weights can be taken up again by a weighting."""

from collections.abc import Mapping, Sequence
from typing import Any

NUMBERS = ("factor", "best")


def check_resumable(
    state: Mapping[str, Any], settings: Mapping[str, Any], beside: Sequence[str] = ()
) -> None:
    """Raise unless the state has the settings and everything that resuming needs.

    A state with weights needs what is named to lie `beside` them.

    >>> check_resumable({"scale": 0, "factor": 0.5, "best": 1.0}, {"scale": 0})
    """
    for name, value in settings.items():
        if name not in state or state[name] != value:
            raise ValueError(
                f"state: {name} is {state.get(name)}, this weighting has {value}; "
                "build it with the same settings"
            )
    needed = {*NUMBERS, *(beside if "weights" in state else ())}
    if missing := needed - set(state):
        raise ValueError(f"state: {', '.join(sorted(missing))} missing")
