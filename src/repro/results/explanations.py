"""Explanations by the weights of experts, beside the mechanisms that were planted.

Experts and mechanisms have one order: unique to each modality, synergy, redundancy. A
mechanism that the explained model has not learned is not scored: what a model says of
rows that it cannot predict is no explanation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

import btw
from repro import paths
from repro.files import read_table
from repro.params import Params
from repro.params.mechanisms import expert_mechanisms, modality_names
from repro.simulation.interaction_law import posterior

LEARNED = 0.10  # accuracy above chance from which on a mechanism counts as learned
LEAST_TO_LEAD = 2  # experts, for one to lead


@dataclass(frozen=True)
class PlantedRows:
    """Rows of one split of a mix in a fixed order, and what each needs.

    `mechanism` is a number of `experts`; mechanisms that no expert stands for have
    numbers beyond. `shares` are those of the experts' mechanisms in the mix.
    """

    dataset: str
    ids: np.ndarray
    y: Int[np.ndarray, " samples"]
    mechanism: Int[np.ndarray, " samples"]
    experts: tuple[str, ...]
    shares: Float[np.ndarray, " experts"]
    classes: int


@dataclass(frozen=True)
class Explanation:
    """What one method says of every row, in every seed.

    `scores` are higher where an expert is said to matter more; `right` tells where the
    explained model was. With `logits` of experts the scores are their weights.
    """

    scores: Float[np.ndarray, "seeds samples experts"]
    right: Bool[np.ndarray, "seeds samples"]
    logits: Float[np.ndarray, "seeds samples experts classes"] | None = None


def planted_rows(params: Params, dataset: str, split: str = "test") -> PlantedRows:
    """The rows of a split of a planted data set, in the order of its truth.

    Raises:
        ValueError: nothing is planted in the data set, or its truth is missing.
    """
    if not params.plants_interactions(dataset):
        raise ValueError(
            f"{dataset}: nothing says what its rows need; name one of datasets.planted"
        )
    planned = params.interaction_simulation.sets[dataset]
    truth = read_table(paths.simulated_truth(dataset))
    truth = truth[truth["split"] == split]
    order = {name: number for number, name in enumerate(planned.mechanisms)}
    experts = expert_mechanisms(planned.modalities)
    return PlantedRows(
        dataset=dataset,
        ids=truth["id"].to_numpy(),
        y=truth["y"].to_numpy(np.int64),
        mechanism=truth["mechanism"].map(order).to_numpy(np.int64),
        experts=experts,
        shares=np.array([planned.shares.get(name, 0.0) for name in experts]),
        classes=planned.classes,
    )


def explanation_of(
    table: pd.DataFrame, rows: PlantedRows, experts: Sequence[str] | None = None
) -> Explanation:
    """The explanation that a run recorded in its experts.parquet.

    `table` has the columns seed, id, expert, weight and logit_0 onwards, with a row for
    every seed, id of `rows` and expert; other rows are left out. `experts` are its
    names of the experts in the common order, by default in which they first occur.

    Raises:
        ValueError: the experts are not as many, or a row is missing or there twice.
    """
    names = list(dict.fromkeys(table["expert"])) if experts is None else list(experts)
    if len(names) != len(rows.experts):
        raise ValueError(
            f"{rows.dataset}: {len(names)} experts ({', '.join(map(str, names))}), the "
            f"planted mechanisms are {', '.join(rows.experts)}; give one of each"
        )
    classes = [f"logit_{number}" for number in range(rows.classes)]
    seeds = sorted(set(table["seed"]))
    index = pd.MultiIndex.from_product([seeds, rows.ids, names])
    found = table.set_index(["seed", "id", "expert"])[["weight", *classes]]
    found = found[found.index.isin(index)]
    if found.index.has_duplicates or len(found) != len(index):
        raise ValueError(
            f"{rows.dataset}: experts.parquet has {len(found)} of {len(index)} rows of "
            "every seed, id and expert once; train the run again"
        )
    values = found.loc[index].to_numpy(np.float64)
    shaped = values.reshape(len(seeds), len(rows.ids), len(names), -1)
    weights, logits = shaped[..., 0], shaped[..., 1:]
    mixed = np.einsum("sne,snec->snc", weights, logits)
    return Explanation(weights, mixed.argmax(axis=-1) == rows.y, logits)


def rule_of_disagreement(
    unimodal: Float[np.ndarray, "seeds samples modalities classes"],
    fusion: Float[np.ndarray, "seeds samples classes"],
    rows: PlantedRows,
) -> Explanation:
    """The rule that needs no experts: how alike unimodal and fused predictions are.

    Source: Yu et al. 2024.
    """
    pairs = zip(unimodal, fusion, strict=True)
    scores = np.stack([btw.disagreement_scores(own, fused) for own, fused in pairs])
    return Explanation(scores, fusion.argmax(axis=-1) == rows.y)


def equal_weights(of: Explanation) -> Explanation:
    """An explanation of the same model that says the same of every row: chance."""
    return Explanation(np.full_like(of.scores, 1 / of.scores.shape[-1]), of.right)


def posterior_explanation(
    params: Params, of: Explanation, rows: PlantedRows
) -> Explanation:
    """The best explanation of the same model: the posterior of codes and tags."""
    planned = params.interaction_simulation.sets[rows.dataset]
    truth = read_table(paths.simulated_truth(rows.dataset)).set_index("id")
    truth = truth.loc[rows.ids]
    order = {name: number for number, name in enumerate(planned.mechanisms)}
    names = modality_names(planned.modalities)
    codes = truth[[f"code_{name}" for name in names]].to_numpy(np.int64)
    tags = np.stack([truth[f"tag_{name}"].map(order) for name in names], axis=1)
    known = posterior(planned, codes, tags.astype(np.int64))
    scores = np.broadcast_to(known[:, : len(rows.experts)], of.scores.shape)
    return Explanation(scores, of.right)


def accuracies(
    of: Explanation, rows: PlantedRows
) -> Float[np.ndarray, "seeds experts"]:
    """Accuracy of the explained model on the rows of each expert's mechanism.

    NaN where there is none. Units: share of rows.
    """
    found = np.full((len(of.right), len(rows.experts)), np.nan)
    for kind in range(len(rows.experts)):
        chosen = rows.mechanism == kind
        if chosen.any():
            found[:, kind] = of.right[:, chosen].mean(axis=1)
    return found


def learned(of: Explanation, rows: PlantedRows) -> Bool[np.ndarray, " experts"]:
    """Mechanisms whose rows are predicted 10 points better than by chance."""
    return accuracies(of, rows).mean(axis=0) > 1 / rows.classes + LEARNED


def areas(
    scores: Float[np.ndarray, "seeds samples experts"],
    rows: PlantedRows,
    kinds: Bool[np.ndarray, " experts"],
) -> Float[np.ndarray, "seeds experts"]:
    """AUROC of every score for its mechanism, NaN where it is not of `kinds`."""
    found = np.stack([btw.mechanism_auroc(one, rows.mechanism) for one in scores])
    return np.where(kinds, found, np.nan)


def local_scores(of: Explanation, rows: PlantedRows) -> dict[str, np.ndarray]:
    """Scores of an explanation, each with a value per seed; undefined ones are NaN.

    `told` is the mean AUROC over learned mechanisms, by weights; `told_contribution`
    and `told_effect` by contribution share and leave-one-out effect. The others are
    top-1 among their experts, mean over those mechanisms, total variation of the mean
    weights from the planted shares in rows that have an expert, specialisation named
    and relabelled and their gap, and what deleting the top expert costs beyond any
    other.
    """
    kinds = learned(of, rows)
    found = {"told": _mean(areas(of.scores, rows, kinds))}
    found["top_one"] = _mean(_tops(of, rows, kinds))
    if of.logits is None:
        return found
    pairs = list(zip(of.logits, of.scores, strict=True))
    shares = np.stack([btw.contribution_share(*pair) for pair in pairs])
    effects = np.stack([btw.leave_one_out(*pair, rows.y) for pair in pairs])
    found["told_contribution"] = _mean(areas(shares, rows, kinds))
    found["told_effect"] = _mean(areas(effects, rows, kinds))
    served = rows.mechanism < len(rows.experts)
    distance = [btw.total_variation(w[served], _normed(rows.shares)) for _, w in pairs]
    found["total_variation"] = np.array(distance)
    deleted = [btw.deletion(*pair, rows.y).effect for pair in pairs]
    found["deletion"] = np.array(deleted)
    return found | _specialisations(of.logits, rows)


def _tops(
    of: Explanation, rows: PlantedRows, kinds: Bool[np.ndarray, " experts"]
) -> Float[np.ndarray, "seeds experts"]:
    """Top-1 among experts of `kinds` in the rows of each; else NaN.

    None where one alone is learned, which leads in every row.
    """
    found = np.full((len(of.scores), len(rows.experts)), np.nan)
    if kinds.sum() < LEAST_TO_LEAD:
        return found
    for place, kind in enumerate(np.flatnonzero(kinds)):
        own = rows.mechanism == kind
        places = np.full(own.sum(), place)
        found[:, kind] = [btw.top_one(one[own][:, kinds], places) for one in of.scores]
    return found


def _specialisations(logits: np.ndarray, rows: PlantedRows) -> dict[str, np.ndarray]:
    """Named and relabelled specialisation and gap; none where a mechanism lacks."""
    tables = [btw.competence(one, rows.y, rows.mechanism) for one in logits]
    if np.isnan(tables).any():
        return {}
    found = [btw.specialisation(table) for table in tables]
    return {
        "named": np.array([one.named for one in found]),
        "relabelled": np.array([one.relabelled for one in found]),
        "gap": np.array([one.gap for one in found]),
    }


def agreement(of: Explanation) -> float:
    """Correlation of the scores between seeds, mean over experts; NaN for one seed."""
    if len(of.scores) < 2:
        return float("nan")
    return float(_mean(btw.weight_agreement(of.scores)[None])[0])


def mix_correlations(
    mixes: Mapping[str, tuple[Explanation, PlantedRows]],
) -> Float[np.ndarray, "seeds experts"]:
    """Spearman over mixes of each expert's mean weight with its planted share.

    Raises:
        ValueError: fewer than three mixes, or they differ in seeds or experts.
    """
    means = np.stack([of.scores.mean(axis=1) for of, _ in mixes.values()], axis=1)
    shares = np.stack([rows.shares for _, rows in mixes.values()])
    return np.stack([btw.mix_correlation(one, shares) for one in means])


def _normed(shares: np.ndarray) -> np.ndarray:
    return shares / shares.sum()


def _mean(values: Float[np.ndarray, "seeds experts"]) -> Float[np.ndarray, " seeds"]:
    """Mean over what is defined in each seed; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1)
    undefined = np.full(len(values), np.nan)
    return np.divide(total, count, out=undefined, where=count > 0)
