"""A pretrained text encoder trained along with the model, one copy per member."""

import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class FineTuning:
    """Which modality a text encoder reads, and how it is trained.

    `start` is the encoder that every member starts from; its modality holds token ids.
    """

    modality: str
    start: nn.Module
    hidden: int
    pooling: str
    lr: float
    bfloat16: bool = False


class FineTunedText(nn.Module):
    """One transformer per member over the token ids of its batch.

    Source: BTW app. F and the authors' code: all weights trained, their own learning
    rate. Members run one after another: a transformer fills the machine by itself.
    """

    keeps_start = True  # never drawn anew

    def __init__(self, seeds: int, tuning: FineTuning):
        super().__init__()
        self.copies = nn.ModuleList(copy.deepcopy(tuning.start) for _ in range(seeds))
        self.pooling = tuning.pooling
        self.in_bfloat16 = tuning.bfloat16

    def forward(
        self,
        values: Float[Tensor, "seeds batch time one"],
        lengths: Int[Tensor, "seeds batch"],
    ) -> Float[Tensor, "seeds batch hidden"]:
        ids = values[..., 0].long()
        column = torch.arange(ids.shape[2], device=ids.device)
        # A row without text attends to one padding token; fusion masks it out.
        mask = column < lengths.clamp(min=1).unsqueeze(2)
        return torch.stack(
            [self._encoded(s, ids[s], mask[s]) for s in range(len(self.copies))]
        )

    def _encoded(self, member: int, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            output = self.copies[member](input_ids=ids, attention_mask=mask.long())
        hidden = output.last_hidden_state.float()
        if self.pooling == "first":
            return hidden[:, 0]
        kept = mask.unsqueeze(2).to(hidden.dtype)
        return (hidden * kept).sum(1) / kept.sum(1)
