"""Means over tokens and rows."""

import torch

from repro.models.layers.pooling import token_mean


def test_token_mean_by_hand() -> None:
    tokens = torch.tensor([[[[[1.0], [3.0], [50.0]], [[4.0], [torch.nan], [9.0]]]]])
    mask = torch.tensor([[[[True, True, False], [False, False, False]]]])
    assert token_mean(tokens, mask).flatten().tolist() == [2.0, 0.0]
