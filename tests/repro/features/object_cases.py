"""Reported records, films and encoders that are not what they should be."""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from repro.features.encoders.tokens import vocabulary, wordpiece_tokenizer
from repro.features.text import encoded
from repro.features.waveforms import Grid, recordings
from repro.params.presets import Encoder
from tests.repro.features.ecg_files import beats, write_record
from tests.repro.reported import Case

TEXTS = ["a good film", "a bad film", "good", "not bad at all"]
SIZES = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
ENCODER = Encoder(
    architecture="bert",
    weights="random",
    hidden=8,
    layers=1,
    heads=2,
    vocabulary=60,
    max_length=8,
    pooling="mean",
    batch=4,
    finetune=False,
    lr=0.1,
    seed=0,
)
Header = Callable[[str], str]


def recorded(header: Header, reason: str = "") -> Case:
    """A record with this header beside one that is whole: read, or skipped and told."""
    return Case(lambda folder: _skipped(folder, header, reason), "", bool(reason))


def _skipped(folder: Path, header: Header, reason: str) -> bool:
    rng = np.random.default_rng(0)
    for name in ("1", "whole"):
        write_record(folder / name, beats(80, rng))
    path = folder / "1.hea"
    path.write_text(header(path.read_text()), encoding="utf-8")
    found = recordings(["1", "whole"], folder, Grid(), folder / "cache")
    assert all(re.search(reason, failure.reason) for failure in found.failures)
    return bool(found.failures)


def of_signal(change: Callable[[np.ndarray], np.ndarray], reason: str = "") -> Case:
    """A record of a changed signal: read, or skipped and told."""

    def make(folder: Path) -> bool:
        signal = change(beats(80, np.random.default_rng(0)))
        write_record(folder / "1", signal)
        write_record(folder / "whole", beats(80, np.random.default_rng(1)))
        found = recordings(["1", "whole"], folder, Grid(), folder / "cache")
        assert all(re.search(reason, failure.reason) for failure in found.failures)
        return bool(found.failures)

    return Case(make, "", bool(reason))


def piped(folder: Path) -> str:
    """What is said of a record whose signal is a pipe that nobody writes to."""
    write_record(folder / "1", beats(80, np.random.default_rng(0)))
    (folder / "pipe.hea").write_bytes((folder / "1.hea").read_bytes())
    os.mkfifo(folder / "pipe.dat")
    found = recordings(["1", "pipe"], folder, Grid(), folder / "cache")
    return found.failures[0].reason


def line(old: str, new: str) -> Header:
    """A header with one text of it replaced."""
    return lambda text: text.replace(old, new)


def folder_of(folder: Path) -> Path:
    """A small BERT with its tokenizer, as a user would save it."""
    tokenizer = wordpiece_tokenizer(vocabulary(TEXTS, 60))
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, **SIZES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def encoder(
    edit: Callable[[Path], object], refused: str = "", texts: Sequence[str] = TEXTS
) -> Case:
    """A case of such a folder, edited: as many vectors as texts differ, or refused."""

    def make(folder: Path) -> object:
        place = folder_of(folder / "encoder; one")
        edit(place)
        given = ENCODER.model_copy(update={"weights": str(place)})
        ragged, _ = encoded(given, texts, [True] * len(texts))
        return len(np.unique(ragged.values.round(5), axis=0))

    return Case(make, refused, len(texts))


def config(**changes: Any) -> Callable[[Path], object]:
    """Keys of config.json become others."""
    return lambda place: _rewrite(place / "config.json", changes)


def _rewrite(path: Path, changes: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def weights(
    change: Callable[[str, torch.Tensor], torch.Tensor],
) -> Callable[[Path], object]:
    """Every stored parameter becomes another."""

    def edit(place: Path) -> None:
        file = place / "model.safetensors"
        changed = {k: change(k, v).contiguous() for k, v in load_file(file).items()}
        save_file(changed, file, {"format": "pt"})

    return edit


def moved_out(place: Path) -> None:
    """The weights lie outside the folder, and an index in it names them."""
    file = place / "model.safetensors"
    named = dict.fromkeys(load_file(file), "../x.safetensors")
    file.rename(place.parent / "x.safetensors")
    index = {"metadata": {}, "weight_map": named}
    (place / "model.safetensors.index.json").write_text(json.dumps(index))


def replaced(name: str, content: bytes) -> Callable[[Path], object]:
    """A file of the folder becomes these bytes."""
    return lambda place: (place / name).write_bytes(content)


STATED = "states no sampling rate and length"
UNKNOWN = r"does not know \d+ of \d+ words"
CASES = {
    "23-ecg-headers": {
        "plain": recorded(lambda text: text),
        "comments": recorded(lambda text: "# a\n\n" + text),
        "CRLF": recorded(line("\n", "\r\n")),
        "no rate": recorded(line(" 100 1000\n", "\n"), STATED),
        "no length": recorded(line(" 100 1000\n", " 100\n"), STATED),
        "rate NaN": recorded(line(" 100 1000\n", " nan 1000\n"), STATED),
        "rate infinite": recorded(line(" 100 1000\n", " inf 1000\n"), STATED),
        "length negative": recorded(line(" 100 1000\n", " 100 -5\n"), STATED),
        "rate tiny": recorded(line(" 100 1000\n", " 0.001 1000\n"), "too few"),
        "rate huge": recorded(line(" 100 1000\n", " 1000000000 1000\n"), "too few"),
        "absurd length": recorded(line("100 1000\n", "100 400000000000\n"), "claims"),
        "leads of nobody": recorded(
            lambda text: re.sub(r" 0 (\S+)$", r" 0 q\1", text, flags=re.MULTILINE),
            "none of its leads",
        ),
        "signal elsewhere": recorded(line("1.dat", "../1.dat"), "not a readable"),
        "signal is the header": recorded(line("1.dat", "1.hea"), "not a readable"),
        "no sample at all": of_signal(
            lambda signal: np.full_like(signal, np.nan), "none of its leads"
        ),
        "one lead of NaN": of_signal(
            lambda signal: np.where(np.arange(12) == 2, np.nan, signal)
        ),
        "flat": of_signal(np.zeros_like),
        "a pipe": Case(piped, "", "pipe.dat: a pipe, no file"),
    },
    "36-encoder-folders": {
        "plain": encoder(lambda place: None),
        "half precision": encoder(weights(lambda _, value: value.half())),
        "zeros": encoder(weights(lambda _, v: torch.zeros_like(v)), "one number only"),
        "integers": encoder(weights(lambda _, v: v.to(torch.int8)), "one number only"),
        "NaN": encoder(
            weights(lambda k, v: v * float("nan") if "query.bias" in k else v),
            "parameters are NaN or infinite, such as encoder",
        ),
        "infinite": encoder(
            weights(lambda k, v: v + float("inf") if "query.bias" in k else v),
            "parameters are NaN or infinite",
        ),
        "a layer too few": encoder(config(num_hidden_layers=1), "leaves out 16 of the"),
        "a layer too many": encoder(
            config(num_hidden_layers=3), "are missing, such as"
        ),
        "a billion layers": encoder(
            config(num_hidden_layers=10**9), "asks for at least .* parameters"
        ),
        "a billion wide": encoder(config(hidden_size=10**9), "asks for at least"),
        "weights elsewhere": encoder(moved_out, "not the name of a file inside"),
        "attention of the hub": encoder(
            config(_attn_implementation="evil/kernel"), "attention from the hub"
        ),
        "quantized": encoder(
            config(
                quantization_config={
                    "quant_method": "bitsandbytes",
                    "load_in_4bit": True,
                }
            ),
            "could not be loaded",
        ),
        "config null": encoder(replaced("config.json", b"null"), "could not be loaded"),
        "config of another kind": encoder(
            config(layer_norm_eps="x"), "could not be loaded"
        ),
        "activation": encoder(config(hidden_act="evil"), "could not be loaded"),
        "tokenizer {}": encoder(
            replaced("tokenizer.json", b"{}"), "could not be loaded"
        ),
        "tokenizer empty": encoder(
            replaced("tokenizer.json", b""), "could not be loaded"
        ),
        "header of a terabyte": encoder(
            replaced("model.safetensors", (2**40).to_bytes(8, "little") + b"{}"),
            "could not be loaded",
        ),
        "a page": encoder(
            replaced("model.safetensors", b"<html>"), "could not be loaded"
        ),
        "another language": encoder(
            lambda place: None, UNKNOWN, ["\u597d", "\u5f71 good", "\u7247 \u5f71"]
        ),
    },
}
