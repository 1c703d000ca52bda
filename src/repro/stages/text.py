"""Write the text features of a data set: vectors, or what a tuned encoder reads."""

from repro import process

process.prepare()

import argparse  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import torch  # noqa: E402
from transformers.utils import logging  # noqa: E402

from repro import files, params, paths  # noqa: E402
from repro.data.preparing import Prepared, read_prepared, write_ragged  # noqa: E402
from repro.features.encoders.loading import refuse_unwatched, weight_sums  # noqa: E402
from repro.features.encoders.states import lower_states  # noqa: E402
from repro.features.series import write_scales  # noqa: E402
from repro.features.text import encoded, encoding, token_ids  # noqa: E402
from repro.params.naming import unknown  # noqa: E402
from repro.params.presets import Encoder  # noqa: E402
from repro.records import Texts  # noqa: E402


def main(arguments: list[str] | None = None) -> None:
    """Encode the texts of one prepared data set with one encoder of the preset.

    Raises:
        ValueError: the encoder is unknown or cannot be loaded, or the prepared files
            are missing.
    """
    parser = argparse.ArgumentParser(prog="repro.stages.text", description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("encoder")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the last bits do not depend on the machine's cores
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    settings = params.load()
    encoders = settings.active.encoders
    if given.encoder not in encoders:
        raise ValueError(unknown("text encoder", given.encoder, encoders))
    refuse_unwatched(encoders[given.encoder].weights)
    prepared = read_prepared(paths.prepared(given.dataset))
    folder = paths.features(given.dataset, "text", given.encoder)
    where = f"{paths.preset(settings.preset)}: encoders.{given.encoder}"
    meta = _write(prepared, folder, encoders[given.encoder], where)
    files.write_json(folder / "meta.json", meta)


def _write(
    prepared: Prepared, folder: Path, encoder: Encoder, where: str
) -> dict[str, Any]:
    texts = {m: t for m, t in prepared.modalities.items() if isinstance(t, Texts)}
    if not texts:
        return {"absent": True}
    is_train = (prepared.samples["split"] == "train").tolist()
    made = {}
    for modality, stored in texts.items():
        if not encoder.is_frozen:
            given = encoder, stored.values, is_train
            made_of = lower_states(*given, where) if encoder.keeps_lower else None
            features, made[modality] = made_of or token_ids(*given)
            # For models without a network, which ids and states of tokens tell nothing.
            vectors, _ = encoded(*given)
            write_ragged(folder / "pooled.safetensors", vectors)
        else:
            found = encoding(encoder, stored.values, is_train)
            features, made[modality] = found.features, found.about
            write_scales(folder / "scales.safetensors", {modality: found.scale})
            entries = {"entries": list(found.entries)}
            files.write_json(folder / "vocabulary.json", entries)
        write_ragged(folder / f"{modality}.safetensors", features)
    return {
        "absent": False,
        "encoder": encoder.model_dump(),
        "modalities": made,
        "weights_sha256": weight_sums(encoder),
    }


if __name__ == "__main__":
    process.run_stage(main)
