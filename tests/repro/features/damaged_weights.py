"""Folders of small models whose weights are not whole."""

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

DAMAGES = {
    "layer": r"parameters are missing, such as (encoder\.layer|layers)\.1\.attention",
    "size": "give the weights that belong to config.json",
    "cut": "the model could not be loaded",
    "config": "the model could not be loaded",
    "pickled": r"could not be loaded|is pickled and not read",
}


def damaged(whole: Path, folder: Path, damage: str) -> Path:
    """A copy without its second layer, with another size, or with a bad file."""
    shutil.copytree(whole, folder)
    file = folder / "model.safetensors"
    weights = load_file(file)
    if damage == "layer":
        weights = {k: v for k, v in weights.items() if "layer.1." not in k}
    if damage == "size":
        name = next(n for n in sorted(weights) if "layer.1." in n and "weight" in n)
        weights[name] = weights[name][1:].contiguous()
    save_file(weights, file, {"format": "pt"})
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    if damage == "config":
        (folder / "config.json").write_text("{")
    if damage == "pickled":
        file.rename(folder / "pytorch_model.bin")
    return folder
