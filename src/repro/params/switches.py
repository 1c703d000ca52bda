"""The switches of the published protocol, and which are in force."""

from typing import Literal

Switch = Literal[
    "own_label_variance",
    "test_epoch",
    "test_smoothing",
    "eval_noise",
    "no_balance_loss",
    "swap_audio_video",
    "sum_one",
    "in_sample_unimodal",
    "transductive_mi",
    "eval_state",
    "update_on_valid_improvement",
    "global_gaussian_kl",
    "log_space_experts",
    "embedding_site",
    "initial_ones",
]
SWITCHES: tuple[Switch, ...] = Switch.__args__  # type: ignore[attr-defined]
# Those that a classification has a meaning for; BTW's clinical code (its row
# normalization, router noise, in-sample predictions, running weights) has no others.
CLASSIFICATION: tuple[Switch, ...] = (
    "eval_noise",
    "no_balance_loss",
    "sum_one",
    "in_sample_unimodal",
    "transductive_mi",
    "eval_state",
    "log_space_experts",
    "embedding_site",
    "initial_ones",
)


# Those that change the unweighted and the unimodal models themselves.
MODEL_SWITCHES = frozenset(
    {"test_epoch", "eval_noise", "no_balance_loss", "log_space_experts"}
)


def switches(names: list[str], protocol: str = "leak_free") -> frozenset[str]:
    """The switches in force: names add, `all` adds every one, `-name` removes.

    >>> sorted(switches(["sum_one", "eval_noise", "-sum_one"]))
    ['eval_noise']
    """
    chosen: set[str] = set(SWITCHES) if protocol == "published" else set()
    for name in names:
        bare = name.removeprefix("-")
        if bare != "all" and bare not in SWITCHES:
            raise ValueError(
                f"{name!r} is no switch; choose from all, {', '.join(SWITCHES)}"
            )
        members: set[str] = set(SWITCHES) if bare == "all" else {bare}
        chosen = chosen - members if name.startswith("-") else chosen | members
    return frozenset(chosen)


def in_force(
    names: list[str], protocol: str = "leak_free", task: str = "regression"
) -> frozenset[str]:
    """The switches in force for a task; `all` means those that it has.

    Raises:
        ValueError: a switch is named that is unknown or has no meaning for the task.

    >>> "own_label_variance" in in_force([], "published", "classification")
    False
    """
    if task == "regression":
        return switches(names, protocol)
    known: set[str] = {"all", *CLASSIFICATION}
    odd = sorted(n for n in names if n.removeprefix("-") not in known)
    if odd:
        raise ValueError(
            f"{', '.join(odd)}: no meaning for a classification; choose from all, "
            f"{', '.join(CLASSIFICATION)}"
        )
    return switches(names, protocol) & frozenset(CLASSIFICATION)
