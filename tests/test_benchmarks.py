"""The plain models of the benchmarks compute what the fast ones do."""

from math import isfinite

import pytest
import torch
from benchmarks import (
    coverage,
    finetune,
    full_size,
    fusions,
    gpu_step,
    site_reach,
    training_step,
)
from benchmarks.null_data import MIXES

from tests.repro.small_study import small_params, small_study


def test_the_plain_model_and_its_gradients_agree() -> None:
    assert training_step.largest_difference() < training_step.TOLERANCE


@pytest.mark.parametrize("name", fusions.FUSIONS)
def test_a_plain_fusion_and_its_gradients_agree(name: str) -> None:
    assert fusions.largest_difference(name) < fusions.TOLERANCE


def test_coverage_is_measured_for_means_and_scores() -> None:
    mix = MIXES["realistic"]
    found = coverage.covered(coverage.means(mix, 12, 50), 5)
    found |= coverage.covered(coverage.scores(12, 50), 2)
    wanted = {"mean", "macro_f1", "weighted_f1", "accuracy", "auroc", "log_loss"}
    assert set(found) == wanted
    for shares in found.values():
        assert list(shares) == ["this", "percentiles", "percentiles of groups alone"]
        assert all(0 <= share <= 1 for share in shares.values())


def test_a_weight_ahead_of_no_normalization_reaches_the_logits_whole() -> None:
    study = small_study(small_params((0,)))
    # Early fusion has no normalization ahead of its first layer.
    assert 0 < site_reach.reach(study, "moe") < 1
    assert site_reach.reach(study, "early_fusion") > 0.5


FULL_SIZES = [
    *(full_size.Case("last_state", name, wrapped=True) for name in full_size.WRAPPED),
    *(full_size.Case("query", name) for name in ("fusemoe", "mult")),
]


@pytest.mark.parametrize("case", FULL_SIZES, ids=str)
def test_two_steps_at_paper_size_change_a_finite_loss(case: full_size.Case) -> None:
    assert case in full_size.cases()
    found = full_size.two_steps(case, 2)
    assert all(map(isfinite, found.losses)) and len(set(found.losses)) == 2
    assert found.parameters > 250_000 and found.seconds > 0


def test_a_step_at_paper_size_starts_few_kernels_and_waits_for_few_values() -> None:
    # Counts do not depend on widths, so those of the encoder are small here.
    found = gpu_step.counts_of(1, 24, torch.device("cpu"))
    step = [found[name] for name in ("forward", "backward", "optimizer")]
    assert sum(own.kernels for own in step) <= gpu_step.MOST_KERNELS
    assert sum(own.reads for own in step) <= gpu_step.MOST_READS
    products = found["forward"].operations
    assert products["aten::addmm"] == 6 * gpu_step.LAYERS + 1  # nothing goes uncounted


def test_reads_by_the_host_are_counted() -> None:
    values = torch.ones(3)
    with gpu_step.counted() as counts:
        assert values.tolist() == [1.0, 1.0, 1.0]
        assert bool(values[0] > 0)
        values.nonzero()
        (values + 1).view(3, 1)
    assert counts.reads == 3
    assert counts.kernels == 4  # the comparison, its read, nonzero and the sum


def test_a_step_with_two_layers_runs_no_other_and_reads_little_padding() -> None:
    encoder, counts = finetune.random_bert(hidden=24, layers=6), {}
    for upper in (None, 2):
        inputs = finetune.samples(encoder, upper)
        model = finetune.model_of(encoder, upper, inputs)
        counts[upper] = finetune.counted(model, finetune.step_of(model, inputs))
    every, last = counts[None], counts[2]
    assert (every.layers, last.layers) == (6 * 4, 2 * 4)  # 32 rows, 8 at a time
    assert every.tokens == 3 * last.tokens
    layer = sum(p.numel() for p in encoder.encoder.layer[0].parameters())
    assert last.parameters == 2 * layer
    assert every.parameters == sum(p.numel() for p in encoder.parameters())
    order = torch.randperm(
        finetune.SAMPLES, generator=torch.Generator().manual_seed(3)
    )[: finetune.BATCH]
    own = finetune.lengths()[order]
    assert own.sum() <= last.tokens / 2 < 1.5 * own.sum() < len(own) * own.max()
