"""What Slurm says, in our words and with a remedy."""

import pytest

from repro.stages import slurm
from repro.stages.slurm import Asked, State

FAILED = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (f"x\n{FAILED}Invalid partition name specified\n", "with --partition"),
        (f"{FAILED}Invalid account or account/partition combination", "--partition"),
        (f"{FAILED}Invalid qos specification", "set SBATCH_QOS"),
        (f"{FAILED}Requested time limit is invalid (exceeds some limit)", "--minutes"),
        (f"{FAILED}Memory specification can not be satisfied", "lower --memory"),
        (f"{FAILED}Requested node configuration is not available", "fewer --cpus"),
        (f"{FAILED}Invalid generic resource (gres) specification", "--gpus than"),
        (f"{FAILED}Unable to contact slurm controller (connect failure)", "ping"),
        (f"{FAILED}Zero Bytes were transmitted or received", "ping"),
        (f"{FAILED}Something new", "change the options and run again"),
        ("", "change the options and run again"),
    ],
)
def test_a_refusal_is_one_sentence_with_a_remedy(said: str, remedy: str) -> None:
    told = slurm.refusal("cell", said)
    assert told.startswith("stage cell: Slurm refuses its job: ")
    assert remedy in told and "\n" not in told and "sbatch: error" not in told


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("TIMEOUT", "raise them and run again"),
        ("OUT_OF_MEMORY", "--memory allows"),
        ("NODE_FAIL", "its node was lost"),
        ("CANCELLED", "somebody cancelled it"),
        ("GONE", "has this folder and this Python"),
        ("COMPLETED", "left no result here"),
    ],
)
def test_how_a_job_was_lost_is_said(word: str, remedy: str) -> None:
    told = slurm.lost("cell", "17", State(word, "", "n[1-2]"))
    assert told.startswith(f"stage cell: job 17 on n[1-2] is {word}: ")
    assert remedy in told and "run again" in told


def test_only_what_waits_for_ever_is_given_up() -> None:
    assert slurm.never("cell", State("PENDING", "Resources")) is None
    assert slurm.never("cell", State("RUNNING", "BadConstraints")) is None
    told = slurm.never("cell", State("PENDING", "JobHeldUser"))
    assert told == (
        "stage cell: waits for ever (JobHeldUser); release it (scontrol release) or "
        "cancel it"
    )


def test_what_is_not_asked_is_left_to_the_cluster() -> None:
    told = Asked(partition="long", gpus=1).parameters()
    assert told["slurm_partition"] == "long" and told["gpus_per_node"] == 1
    assert told["cpus_per_task"] is None and told["mem_gb"] is None
    assert told["timeout_min"] == 240
