"""New memory that holds NaN: whoever reads it before writing it shows."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def nan_in_new_memory() -> Iterator[None]:
    """Let torch fill what it allocates with NaN."""
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.set_deterministic_debug_mode("error")
    try:
        assert torch.empty(9).isnan().all()
        yield
    finally:
        torch.set_deterministic_debug_mode("default")
        torch.utils.deterministic.fill_uninitialized_memory = before
