"""Where memory runs out, rows that fit are named; it is the allocator that fails."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from repro.models.batch import Batch
from repro.models.predictor import EVALUATION, Predictor
from repro.training.memory import is_exhausted, within_memory
from repro.training.passes import TrainPasses
from repro.training.prediction import predict
from tests.repro.small_study import small_params, small_study

MORE_THAN_ANY_MACHINE = 1 << 50  # bytes; x86-64 addresses 1 << 47


def hungry(most: int) -> Callable[[int], int]:
    """Takes all memory and more for more than `most` rows."""

    def run(rows: int) -> int:
        if rows > most:
            torch.empty(MORE_THAN_ANY_MACHINE, dtype=torch.uint8)
        return rows

    return run


def hungry_model(most: int, **training: int) -> tuple[Predictor, TrainPasses]:
    """A model that runs out of memory above `most` rows, and what trains it."""
    study = small_study(small_params([0, 1], training=training))
    members = study.members(folds=False)
    model = Predictor(len(members), study.inputs, study.architecture("moe"))
    model.initialize([torch.Generator().manual_seed(seed) for seed in (0, 1)])
    run = hungry(most)

    def before(_: nn.Module, given: tuple[Batch]) -> None:
        run(given[0].y.shape[1])

    model.register_forward_pre_hook(before)
    settings = study.settings("moe", "moe")
    return model, TrainPasses(study.inputs, members, model, settings)


@pytest.mark.parametrize(
    ("rows", "most", "fit"), [(64, 8, 8), (64, 15, 8), (9, 8, 4), (3, 1, 1)]
)
def test_what_fits_is_found_by_trying(rows: int, most: int, fit: int) -> None:
    said = rf"^{rows} rows at once are too many, {fit} fit; set training\.batch of the "
    said += rf"preset to {fit} \(.*you tried to allocate {MORE_THAN_ANY_MACHINE} bytes"
    with pytest.raises(MemoryError, match=said) as caught:
        within_memory(hungry(most), rows, "training.batch")
    assert "\n" not in str(caught.value)


def test_not_even_one_row_fits() -> None:
    with pytest.raises(MemoryError, match=r"^not one row fits \(.*1125899906842624 b"):
        within_memory(hungry(0), 5, "training.batch")


def test_a_step_that_fits_is_taken_once() -> None:
    taken: list[int] = []
    within_memory(taken.append, 24, "training.batch")
    assert taken == [24]


def test_training_names_its_batch() -> None:
    _, passes = hungry_model(most=6, batch=24)
    with pytest.raises(MemoryError, match=r"^24 rows .* 6 fit; set training\.batch of"):
        passes.train(1, None)


def test_evaluation_names_its_batch() -> None:
    model, passes = hungry_model(most=6, evaluation_batch=16)
    rows = passes.members[0].rows
    given = passes.settings.task, model, passes.inputs, rows, None, EVALUATION
    said = r"^16 rows .* 4 fit; set training\.evaluation_batch of"
    with pytest.raises(MemoryError, match=said):
        predict(*given, passes.settings.training.evaluation_batch)


def test_a_bug_is_no_lack_of_memory() -> None:
    def run(rows: int) -> None:
        raise RuntimeError(f"size mismatch of {rows} rows")

    with pytest.raises(RuntimeError, match="size mismatch of 8 rows"):
        within_memory(run, 8, "training.batch")


def test_a_bug_met_while_trying_is_told() -> None:
    def run(rows: int) -> None:
        raise MemoryError if rows == 8 else ValueError(f"{rows} rows")

    with pytest.raises(ValueError, match="4 rows"):
        within_memory(run, 8, "training.batch")


def test_a_word_about_memory_is_not_enough() -> None:
    assert is_exhausted(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_exhausted(ValueError("can't allocate memory"))
    assert not is_exhausted(RuntimeError("shared memory is not contiguous"))
