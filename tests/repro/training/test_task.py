"""Losses and predictions of several labels, beside plain loops."""

import numpy as np
import pytest
import torch

from repro.metrics.multilabel import multilabel_metrics
from repro.records import coded
from repro.training.task import Task


def example() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    random = np.random.default_rng(0)
    true = random.random((6, 23)) < 0.3
    logits = torch.tensor(random.normal(0, 2, (2, 6, 23)), dtype=torch.float32)
    y = torch.tensor(coded(true), dtype=torch.float32).expand(2, -1)
    return logits, y, true


def test_the_loss_is_the_mean_of_the_decisions():
    logits, y, true = example()
    found = Task("multilabel", 23).losses(logits, y)
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    wanted = -np.log(np.where(true, p, 1 - p)).mean(axis=-1)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_predictions_are_probabilities_of_each_label_and_errors_their_losses():
    logits, y, true = example()
    task = Task("multilabel", 23)
    assert task.outputs == 23
    found = task.predictions(logits)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits.double().numpy())))
    losses = task.losses(logits, y).mean(dim=1)
    np.testing.assert_allclose(task.errors(found, coded(true)), losses, rtol=1e-5)


def test_a_step_down_the_gradient_lowers_the_loss():
    logits, y, _ = example()
    task, logits = Task("multilabel", 23), logits.requires_grad_()
    before = task.losses(logits, y).sum()
    (gradient,) = torch.autograd.grad(before, logits)
    assert task.losses(logits - gradient, y).sum() < before
    assert gradient.abs().min() > 0  # every label of every instance has its part


def test_a_table_of_predictions_is_judged_by_one_rule_whoever_made_it():
    """The epoch kept is the one of the best log-loss, not of the best F1."""
    y = coded(np.array([[True, False], [False, True], [False, True]]))
    timid = np.array([[0.45, 0.1], [0.1, 0.55], [0.1, 0.55]])
    bold = np.array([[0.51, 0.49], [0.49, 0.51], [0.49, 0.51]])
    errors = Task("multilabel", 2).errors(np.stack([timid, bold]), y)
    assert errors[0] < errors[1]
    assert macro(timid, y) < macro(bold, y)


def macro(p: np.ndarray, y: np.ndarray) -> float:
    return multilabel_metrics(p, y)["macro_f1"]


def test_class_weights_are_those_of_a_weighted_mean():
    """Over a batch with both classes alike, as of PyTorch's own weighted mean."""
    random = np.random.default_rng(0)
    logits = torch.tensor(random.normal(0, 2, (1, 8, 2)), dtype=torch.float64)
    y = torch.tensor([[0.0, 1.0] * 4])
    task = Task("classification", 2, (0.25, 0.75))
    found = task.losses(logits, y).mean()
    weight = torch.tensor([0.25, 0.75], dtype=torch.float64)
    wanted = torch.nn.functional.cross_entropy(logits[0], y[0].long(), weight=weight)
    torch.testing.assert_close(found, wanted)
    even = Task("classification", 2, (3.0, 3.0)).losses(logits, y)
    torch.testing.assert_close(even, Task("classification", 2).losses(logits, y))


@pytest.mark.parametrize(("kind", "outputs"), [("regression", 1), ("multilabel", 4)])
def test_outputs(kind: str, outputs: int):
    assert Task(kind, 4).outputs == outputs
