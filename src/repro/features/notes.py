"""Radiology notes: the last few of each stay, as vectors learned from train notes."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from repro.features.objects import (
    about_objects,
    enough_to_fit,
    no_objects,
    scaled_objects,
    train_objects,
)
from repro.records import Ragged

COUNT = 5
BUCKETS = 2**16
# Letters and digits only: de-identification leaves runs of underscores.
WORD = r"(?u)[^\W_]{2,}"


def last_notes(notes: pd.DataFrame, count: int = COUNT) -> pd.DataFrame:
    """The last `count` notes of each sample by time that are not blank, in order.

    >>> notes = pd.DataFrame({"id": ["a"] * 3, "hours": [1, 2, 3], "text": list("xyz")})
    >>> last_notes(notes, 2)["text"].tolist()
    ['y', 'z']
    """
    written = notes[notes["text"].str.strip() != ""]
    return written.groupby("id", sort=False).tail(count).reset_index(drop=True)


def about_notes(notes: pd.DataFrame, kept: pd.DataFrame) -> dict[str, Any]:
    """Blank notes, notes before the last few, and samples left without any."""
    blank = int((notes["text"].str.strip() == "").sum())
    left = set(kept["id"])
    return {
        "blank": blank,
        "earlier": len(notes) - blank - len(kept),
        "emptied_samples": [n for n in dict.fromkeys(notes["id"]) if n not in left],
    }


def tfidf_features(
    samples: pd.DataFrame,
    notes: pd.DataFrame,
    *,
    count: int = COUNT,
    dims: int = 128,
    buckets: int = BUCKETS,
    seed: int = 0,
) -> tuple[Ragged, dict[str, Any]]:
    """Hashed words and pairs of words, weighted by rarity, as singular vectors.

    Rarities and singular vectors are those of the training notes.

    Departure: the original vector is the pooled output of Bio_ClinicalBERT for the
    first 510 word pieces of a note. This one needs no download and reads all of it.

    Raises:
        ValueError: there are fewer than `dims` training notes.
    """
    kept = last_notes(notes, count)
    if kept.empty:
        ragged = no_objects(samples, dims)
        about = about_objects("tfidf", samples, kept, dims)
        return ragged, about | about_notes(notes, kept)
    is_train = train_objects(samples, kept)
    enough_to_fit("dims", dims, (int(is_train.sum()), buckets))
    words = HashingVectorizer(
        n_features=buckets,
        ngram_range=(1, 2),
        alternate_sign=False,
        norm=None,
        token_pattern=WORD,
    ).transform(kept["text"])
    rarity = TfidfTransformer(sublinear_tf=True).fit(words[is_train])
    vectors, explained = _singular(rarity.transform(words), is_train, dims, seed)
    about = about_objects("tfidf", samples, kept, dims)
    about |= about_notes(notes, kept) | {"buckets": buckets, "explained": explained}
    return scaled_objects(samples, kept, vectors, is_even=True), about


def _singular(
    words: csr_matrix, is_train: np.ndarray, dims: int, seed: int
) -> tuple[Float[np.ndarray, "notes dims"], float]:
    """Vectors of all notes, and the share of variance kept of the training notes."""
    projection = TruncatedSVD(dims, random_state=seed).fit(words[is_train])
    explained = float(projection.explained_variance_ratio_.sum())
    return projection.transform(words), explained
