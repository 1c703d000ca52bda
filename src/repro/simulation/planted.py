"""What a simulation plants, whatever the data: known to it, hidden from the models."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Planted:
    """Latents as drawn, as each modality sees them, and which ones are reliable."""

    unique: Float[np.ndarray, "samples modalities"]
    shared: Float[np.ndarray, " samples"]
    synergy: Float[np.ndarray, "samples modalities"]
    noise: Float[np.ndarray, " samples"]
    seen: Float[np.ndarray, "samples modalities latents"]
    reliable: Bool[np.ndarray, "samples modalities"]
