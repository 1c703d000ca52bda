"""What a config asks for is never more than a whole model has."""

import pytest
from transformers import (
    AutoModel,
    BertConfig,
    DebertaV2Config,
    LongformerConfig,
    PretrainedConfig,
    ViTConfig,
)

from repro.features.encoders.soundness import least_parameters

SIZES = {
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 20,
}
WORDS = {"vocab_size": 50}
SHARED = {"share_att_key": True, "relative_attention": True, "pos_att_type": ["p2c"]}
CONFIGS = {
    "bert": BertConfig(**SIZES, **WORDS),
    "deberta": DebertaV2Config(**SIZES, **WORDS, **SHARED),
    "longformer": LongformerConfig(**SIZES, **WORDS, attention_window=4),
    "vit": ViTConfig(**SIZES, image_size=8, patch_size=4),
}


def test_they_are_counted_by_hand() -> None:
    # 3 layers of four square matrices and two of 12 x 20, and 50 words of 12.
    assert least_parameters(CONFIGS["bert"]) == 3 * (4 * 144 + 2 * 240) + 600


@pytest.mark.parametrize("name", CONFIGS)
def test_every_kind_of_model_has_them(name: str) -> None:
    config: PretrainedConfig = CONFIGS[name]
    least = least_parameters(config)
    held = AutoModel.from_config(config).num_parameters()
    assert least <= held
    assert least > 3 * 1000
