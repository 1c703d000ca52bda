"""A pretrained text encoder trained along with the model, one copy per member."""

import copy
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

ROWS = 8  # of like length that are encoded together on a CPU


@dataclass(frozen=True)
class FineTuning:
    """Which modality a text encoder reads, and how it is trained.

    `start` is the encoder that every member starts from; its modality holds token ids
    or, for upper layers alone, the states of the layers below.
    """

    modality: str
    start: nn.Module
    hidden: int
    pooling: str
    lr: float
    bfloat16: bool = False
    reads_states: bool = False


class FineTunedText(nn.Module):
    """One transformer per member over the tokens of its batch.

    Dropout is that of the encoder, in the layers that are trained; frozen lower layers
    have none.

    Source: BTW app. F and the authors' code: all weights trained, their own learning
    rate. Members run one after another: a transformer fills the machine by itself.
    """

    keeps_start = True  # never drawn anew

    def __init__(self, seeds: int, tuning: FineTuning):
        super().__init__()
        self.copies = nn.ModuleList(copy.deepcopy(tuning.start) for _ in range(seeds))
        self.modality, self.pooling = tuning.modality, tuning.pooling
        self.hidden = tuning.hidden
        self.in_bfloat16 = tuning.bfloat16
        self.reads_states = tuning.reads_states

    def forward(
        self,
        values: Float[Tensor, "seeds batch time features"],
        lengths: Int[Tensor, "seeds batch"],
    ) -> Float[Tensor, "seeds batch hidden"]:
        given = values if self.reads_states else values[..., 0].long()
        # A row without text attends to one padding token; fusion masks it out.
        counts = lengths.clamp(min=1)
        column = torch.arange(given.shape[2], device=given.device)
        mask = column < counts.unsqueeze(2)
        members = range(len(self.copies))
        if given.device.type != "cpu":  # where a length that is read costs more
            return torch.stack([self._encoded(s, given[s], mask[s]) for s in members])
        return torch.stack(
            [self._in_parts(s, given[s], mask[s], counts[s]) for s in members]
        )

    def _in_parts(
        self,
        member: int,
        given: Shaped[Tensor, "batch time *features"],
        mask: Bool[Tensor, "batch time"],
        counts: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch hidden"]:
        """Rows of a like length together, each part cut at its longest."""
        order = counts.argsort(stable=True)
        found = []
        for rows in order.split(ROWS):
            longest = int(counts[rows[-1]])
            found.append(
                self._encoded(member, given[rows, :longest], mask[rows, :longest])
            )
        return torch.cat(found)[order.argsort()]

    def _encoded(self, member: int, given: Tensor, mask: Tensor) -> Tensor:
        name = "inputs_embeds" if self.reads_states else "input_ids"
        with torch.autocast(
            given.device.type, torch.bfloat16, enabled=self.in_bfloat16
        ):
            output = self.copies[member](attention_mask=mask.long(), **{name: given})
        hidden = output.last_hidden_state.float()
        if self.pooling == "first":
            return hidden[:, 0]
        kept = mask.unsqueeze(2).to(hidden.dtype)
        return (hidden * kept).sum(1) / kept.sum(1)
