"""Affine maps and normalization with parameters of their own for every modality."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from repro.models.layers.stacked import ones, stacked_parameter, xavier_normal, zeros


class ModalityLinear(nn.Module):
    """One affine map per seed and modality.

    Shape: `(seeds, modalities, batch, time, inputs)`, last dimension to `outputs`.
    """

    def __init__(self, seeds: int, modalities: int, inputs: int, outputs: int):
        super().__init__()
        self.weight = stacked_parameter(seeds, modalities, inputs, outputs)
        self.bias = stacked_parameter(seeds, modalities, outputs)
        self.initializers = {"weight": xavier_normal, "bias": zeros}

    def forward(
        self, x: Float[Tensor, "seeds modalities batch time inputs"]
    ) -> Float[Tensor, "seeds modalities batch time outputs"]:
        inputs, outputs = self.weight.shape[-2:]
        rows = x.reshape(x.shape[0] * x.shape[1], -1, inputs)
        out = torch.baddbmm(
            self.bias.flatten(0, 1).unsqueeze(1), rows, self.weight.flatten(0, 1)
        )
        return out.view(*x.shape[:-1], outputs)


class ModalityLayerNorm(nn.Module):
    """Layer normalization with one scale and shift per seed and modality."""

    def __init__(self, seeds: int, modalities: int, features: int):
        super().__init__()
        self.scale = stacked_parameter(seeds, modalities, features)
        self.shift = stacked_parameter(seeds, modalities, features)
        self.initializers = {"scale": ones, "shift": zeros}

    def forward(
        self, x: Float[Tensor, "seeds modalities *rows features"]
    ) -> Float[Tensor, "seeds modalities *rows features"]:
        seeds, modalities, features = self.scale.shape
        shape = (seeds, modalities, *(1,) * (x.dim() - 3), features)
        normal = nn.functional.layer_norm(x, (features,), eps=1e-5)
        return torch.addcmul(self.shift.view(shape), normal, self.scale.view(shape))
