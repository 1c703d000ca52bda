"""Words of the simulated radiology reports: each topic tells one latent."""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

# Topic -> words from the mildest to the gravest, two that say the same.
GRADES = {
    "lungs": (
        ("clear", "aerated"),
        ("faint", "subtle"),
        ("patchy", "streaky"),
        ("hazy", "bandlike"),
        ("confluent", "extensive"),
        ("dense", "consolidated"),
    ),
    "effusion": (
        ("absent", "resolved"),
        ("trace", "blunted"),
        ("small", "little"),
        ("layering", "moderate"),
        ("large", "sizable"),
        ("massive", "tense"),
    ),
    "edema": (
        ("normal", "unremarkable"),
        ("borderline", "prominent"),
        ("mild", "slight"),
        ("congested", "indistinct"),
        ("engorged", "pronounced"),
        ("florid", "fulminant"),
    ),
}
# What is said of each topic; a word of the topic's grade fills the gap.
SENTENCES = (
    (
        "The right base appears {}.",
        "Retrocardiac region: {}.",
        "Airspace on the left is {}, as before.",
    ),
    (
        "Pleural fluid on the right is {}.",
        "On the left, fluid is {}.",
        "Costophrenic angles: {}.",
    ),
    (
        "Pulmonary vessels look {}.",
        "Hilar contours are {}, given technique.",
        "Interstitial markings: {}.",
    ),
)
FILLERS = (
    "Lines and tubes are in standard position.",
    'The prior study, labeled "portable", is not available.',
    "No pneumothorax is seen.",
    "The osseous structures are intact, without fracture.",
    "Comparison is made to the study of ___.",
    'Patient is rotated; the "low volume" limits the view.',
)
EXAMS = ("CHEST (PORTABLE AP)", "CHEST (PA AND LAT)", "CT CHEST W/O CONTRAST")
JITTER = 0.5  # sd, in grades, of what a single sentence says


def grades(latent: Float[np.ndarray, "notes said"]) -> Int[np.ndarray, "notes said"]:
    """The grade of each latent, about equally often each.

    >>> grades(np.array([[-3.0, 0.1, 3.0]])).tolist()
    [[0, 3, 5]]
    """
    count = len(GRADES["lungs"])
    return np.clip((ndtr(latent) * count).astype(np.int64), 0, count - 1)


def reports(
    seen: Float[np.ndarray, "notes latents"], generator: np.random.Generator
) -> list[str]:
    """One report per row: unique latent -> lungs, shared -> effusion, synergy -> edema.

    Every topic is spoken of in each of its sentences, in random order, mixed with
    sentences that say nothing.
    """
    notes, topics = seen.shape
    per_topic = len(SENTENCES[0])
    said = grades(np.repeat(seen, per_topic, axis=1))
    wobble = JITTER * generator.standard_normal(said.shape)
    said = np.clip(np.rint(said + wobble), 0, 5).astype(np.int64)
    synonym = generator.integers(0, 2, said.shape)
    words = np.array([GRADES[topic] for topic in GRADES])
    topic = np.repeat(np.arange(topics), per_topic)
    told = words[topic, said, synonym].tolist()
    templates = [sentence for group in SENTENCES for sentence in group]
    filler = generator.choice(np.array(FILLERS), (notes, 2)).tolist()
    order = np.argsort(generator.random((notes, len(templates) + 2))).tolist()
    exam = generator.choice(np.array(EXAMS), (notes,)).tolist()
    texts = []
    for row in range(notes):
        sentences = [t.format(w) for t, w in zip(templates, told[row], strict=True)]
        sentences += filler[row]
        findings = " ".join(sentences[number] for number in order[row])
        texts.append(
            f"EXAMINATION: {exam[row]}\n\nINDICATION: ___ year old patient, "
            f'in the "ICU"\n\nFINDINGS:\n\n{findings}\n'
        )
    return texts
