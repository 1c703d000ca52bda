"""How much of a weight at the embedding reaches the logits past layer normalizations.

Each fusion is trained without weights on the data of a cell. Then the weight of one
modality falls from 1 to 1/3 on validation, first at the contribution, then at the
embedding, with the same parameters; printed is the mean change of the logits at the
embedding over that at the contribution, averaged over modalities. Needs the features
of the data set (`dvc repro pipelines/sentiment/dvc.yaml:base@mosi`).

    python -m benchmarks.site_reach [--cell sites/mosi]
"""

import argparse
from dataclasses import replace

import torch

from repro import params
from repro.cells.study import Study, load_studies
from repro.models.batch import gather
from repro.models.fusions.interface import SITES
from repro.models.predictor import Predictor
from repro.training.fitting import fit

LOW = 1 / 3


def reach(study: Study, fusion: str) -> float:
    """Mean change of the logits at the embedding, as a share of the other site's."""
    members = study.members(folds=False)
    outcome = fit(
        study.inputs,
        study.rows,
        members,
        study.architecture(fusion),
        study.settings("reach", fusion),
    )
    changes = {site: _change(study, outcome.model, site) for site in SITES}
    return changes["embedding"] / changes["contribution"]


@torch.no_grad()
def _change(study: Study, model: Predictor, site: str) -> float:
    model.eval()
    model.weight_site = site
    rows = torch.as_tensor(study.rows["valid"]).expand(model.seeds, -1)
    batch = gather(study.inputs, rows)
    ones = batch.present.float()
    plain = model(batch, ones).logits
    found = []
    for m in range(ones.shape[-1]):
        lower = ones.clone()
        lower[..., m] *= LOW
        found.append((model(batch, lower).logits - plain).abs().mean())
    return float(torch.stack(found).mean())


def main() -> None:
    """Print a line per fusion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", default="sites/mosi")
    settings = params.load()
    torch.set_num_threads(1)
    seen = set()
    for study in load_studies(settings, parser.parse_args().cell):
        fusion = study.recipe.fusion
        if fusion not in seen:
            seen.add(fusion)
            plain = replace(study, switches=frozenset())
            print(f"{fusion}: {reach(plain, fusion):.2f}", flush=True)


if __name__ == "__main__":
    main()
