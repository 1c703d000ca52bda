"""Whether a stored model is what its config.json says, before and after it is built."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from repro.data.places import inside
from repro.params.presets import Encoder

_SIZES = {"hidden": "hidden_size", "layers": "num_hidden_layers"}
_LAYER = re.compile(r"(^|\.)layers?\.\d+\.")


def refuse_unfit(folder: Path, config: Any) -> None:
    """Stop before a model is built that its folder cannot fill, or from other places.

    Raises:
        ValueError: config.json asks for more parameters than the weights have bytes or
            for code from the hub, or an index names weights outside the folder.
    """
    where = f"weights={str(folder)!r}"
    for index in sorted(folder.glob("*.safetensors.index.json")):
        for name in set(json.loads(index.read_bytes()).get("weight_map", {}).values()):
            inside(folder, name)
    code = [v for k, v in vars(config).items() if "attn_implementation" in k]
    if any("/" in str(value) for value in code):
        raise ValueError(
            f"{where}: config.json asks for attention from the hub ({code[0]}), which "
            "is code and not run; drop that key"
        )
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    asked = least_parameters(config)
    if stored and asked > stored:
        raise ValueError(
            f"{where}: config.json asks for at least {asked} parameters, the weights "
            f"have {stored} bytes; give the weights that belong to config.json"
        )


def refuse_few_places(encoder: Encoder, places: int) -> None:
    """Stop where texts may be longer than a stored encoder has positions for.

    Raises:
        ValueError: so it is.
    """
    if encoder.max_length > places:
        raise ValueError(
            f"weights={encoder.weights!r}: config.json has positions for {places} "
            f"tokens, but max_length = {encoder.max_length}; set max_length: {places} "
            "or less"
        )


def refuse_other_sizes(encoder: Encoder, config: Any) -> None:
    """Stop at a stored encoder that would be trained or read otherwise than is told.

    Raises:
        ValueError: `last_k` counts other layers than config.json has, or texts may be
            longer than it has positions for.
    """
    for field, name in _SIZES.items():
        told, found = getattr(encoder, field), getattr(config, name)
        if encoder.finetune == "last_k" and told != found:
            raise ValueError(
                f"weights={encoder.weights!r}: config.json has {name} {found}, but "
                f"{field} = {told} of the preset, by which last_k = {encoder.last_k} "
                f"counts; set {field}: {found}, and last_k to how many of its layers "
                "are trained"
            )
    if getattr(config, "position_biased_input", True):
        refuse_few_places(encoder, int(config.max_position_embeddings))


def least_parameters(config: Any) -> int:
    """Parameters of the matrices that every transformer of these sizes has."""
    width = int(getattr(config, "hidden_size", 0))
    inner = int(getattr(config, "intermediate_size", 0))
    words = int(getattr(config, "vocab_size", 0))
    layers = int(getattr(config, "num_hidden_layers", 0))
    embedded = int(getattr(config, "embedding_size", width))
    return layers * (4 * width**2 + 2 * width * inner) + words * embedded


def refuse_hollow(
    name: str, model: PreTrainedModel, unexpected: Collection[str]
) -> None:
    """Stop at a model that lost what its weights hold.

    Raises:
        ValueError: layers of the weights are left out, or parameters are no finite
            numbers or, most of them, one number only.
    """
    left = sorted(key for key in unexpected if _LAYER.search(key))
    odd = [k for k, p in model.named_parameters() if not torch.isfinite(p).all()]
    matrices = [p for p in model.parameters() if p.ndim > 1]
    constant = [p for p in matrices if (p == p.flatten()[0]).all()]
    told = ""
    if left:
        told = f"config.json leaves out {len(left)} of the weights, such as {left[0]}"
    elif odd:
        told = f"{len(odd)} parameters are NaN or infinite, such as {odd[0]}"
    elif 2 * len(constant) > len(matrices):
        told = f"{len(constant)} of {len(matrices)} matrices hold one number only"
    if told:
        raise ValueError(f"weights={name!r}: {told}; give the weights as released")
