"""Reader of ADNI: diagnoses, and what tables and PLINK sets say of every subject."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from repro.data import adni_fields, plink
from repro.data.adni_cohort import Cohort, diagnosed, is_made_up
from repro.data.adni_drugs import NAMES, telling_words
from repro.data.adni_fields import BIOSPECIMEN, CLINICAL, LABEL, UNITS, UNSTATED, Table
from repro.data.adni_tables import (
    SUBJECT,
    Visit,
    at_visit,
    contradicted,
    first_stated,
    numbers,
)
from repro.data.adni_values import (
    BORN,
    ages,
    in_common_units,
    with_alleles,
    with_units,
    with_years,
)
from repro.data.mimiciv.splits import patient_split
from repro.data.preparing import presence
from repro.data.spelling import plain
from repro.records import Dataset, Fields

GENETIC = "genetic"
FAILED = "fail"  # OVERALLQC of a segmentation that cannot be used


def read(
    root: Path,
    classes: Sequence[str],
    visit: Visit,
    *,
    simulated: bool = False,
    fewest: int = 0,
) -> Dataset:
    """Image, genetic, clinical and biospecimen fields of subjects, and diagnoses.

    At the `baseline` fields and diagnosis are those of that visit; as
    `published` they are the latest ones of subjects whose diagnosis never changes. A
    modality without a file is left out, which is a note, and a subject of whom it
    states nothing lacks it. Numbers and words are as stated: nothing is fitted. Notes
    say no count of real subjects below `fewest`.

    Source: adni.loni.usc.edu; the tables that Flex-MoE (arXiv:2410.08245) lists.
    Departure: image is the FreeSurfer table, as the RAVENS maps of the paper cannot be
    had; drugs against dementia and days of diagnoses are not read.
    Raises:
        ValueError: a file is bad, or there twice, or holds nobody with a diagnosis, a
            diagnosis is unknown, or the files are called simulated and are not.
    """
    cohort, notes = diagnosed(root, visit, fewest)
    made_up = is_made_up(cohort, simulated=simulated)
    modalities: dict[str, Fields] = {}
    for name, reader in READERS.items():
        fields, told = reader(cohort)
        notes += told
        if fields is not None:
            modalities[name] = fields
    if not modalities:
        raise ValueError(f"{root}: has none of {', '.join(READERS)}; give some tables")
    there = np.any([presence(fields) for fields in modalities.values()], axis=0)
    notes += cohort.unknown_notes()
    if not there.all():
        count = cohort.told(int((~there).sum()))
        notes.append(f"{count} subjects left out, without any modality")
    ids = np.array(cohort.subjects)[there]
    y = cohort.rows["y"].to_numpy(np.int64)[there]
    split = patient_split(np.arange(len(ids)), y, np.ones(len(ids), bool), seed=0)
    samples = pd.DataFrame({"id": ids, "group": ids, "split": split, "y": y * 1.0})
    return Dataset(
        samples,
        {name: _kept(fields, there) for name, fields in modalities.items()},
        source="simulated" if made_up else "adni",
        simulated=made_up,
        task="classification",
        classes=len(classes),
        notes=tuple(notes),
        fewest=cohort.fewest,
    )


def _kept(fields: Fields, rows: np.ndarray) -> Fields:
    words = fields.words[rows].reset_index(drop=True)
    return Fields(fields.names, fields.numbers[rows], words)


def _image(cohort: Cohort) -> tuple[Fields | None, list[str]]:
    """Volumes and thicknesses of regions, of segmentations that did not fail."""
    found = cohort.table(adni_fields.IMAGE)
    if found is None:
        return None, [f"image: no file {adni_fields.IMAGE}, left out"]
    path, table = found
    names = [name for name in table if re.fullmatch(adni_fields.REGION, name)]
    if not names:
        raise ValueError(f"{path}: has no column like ST29SV; give FreeSurfer's table")
    quality = table.get("OVERALLQC", pd.Series("", table.index))
    table = table.assign(failed=quality.str.strip().str.lower() == FAILED)
    rows = at_visit(table, cohort.visit, path)
    rows = rows[rows[SUBJECT].isin(cohort.subjects)]
    bad = rows["failed"]
    rows = rows[~bad]
    values, _ = numbers(first_stated(rows, names, cohort.subjects), path)
    told = (
        f"image: {cohort.told(int(bad.sum()))} segmentations of failed quality left out"
    )
    own = dict(zip(names, values.T, strict=True))
    return _fields(own, {}, cohort), [told] if bad.any() else []


def _genetic(cohort: Cohort) -> tuple[Fields | None, list[str]]:
    """Copies of one allele of every SNP."""
    genotypes = plink.read(cohort.root, cohort.fewest)
    if genotypes is None:
        return None, ["genetic: no .bed, .bim and .fam, left out"]
    places = pd.Index(genotypes.people).get_indexer(pd.Index(cohort.subjects))
    copies = np.where((places >= 0)[:, None], genotypes.copies[places], np.nan)
    words = pd.DataFrame(index=range(len(places)))
    fields = Fields(genotypes.names, copies.astype(np.float16), words)
    notes = list(genotypes.notes)
    if strangers := len({*genotypes.people} - cohort.known):
        told = cohort.told(strangers)
        notes.append(f"genetic: {told} genotyped people whom {LABEL} does not name")
    return fields, notes


def _clinical(cohort: Cohort) -> tuple[Fields | None, list[str]]:
    """Demography, age, history, examination, vital signs and drugs."""
    values, words, notes = _stated(cohort, "clinical", CLINICAL)
    age = _age(cohort)
    if age is not None:
        values["AGE"] = age
    drugs, told = _drugs(cohort)
    if drugs is not None:
        words["CMMED"] = drugs
    if not values and not words:
        return None, [*notes, *told]
    return _fields(values, words, cohort), [*notes, *told]


def _biospecimen(cohort: Cohort) -> tuple[Fields | None, list[str]]:
    """Proteins of the spinal fluid, and the alleles of APOE as one word: 3/4."""
    values, words, notes = _stated(cohort, "biospecimen", BIOSPECIMEN)
    if not values and not words:
        return None, notes
    if {"APGEN1", "APGEN2"} <= set(words):
        pairs = zip(words.pop("APGEN1"), words.pop("APGEN2"), strict=True)
        words["APOE"] = ["/".join(sorted(p)) if all(p) else "" for p in pairs]
    return _fields(values, words, cohort), notes


READERS = {
    "image": _image,
    GENETIC: _genetic,
    "clinical": _clinical,
    "biospecimen": _biospecimen,
}


def _stated(
    cohort: Cohort, modality: str, tables: Sequence[Table]
) -> tuple[dict[str, np.ndarray], dict[str, list[str]], list[str]]:
    """Numbers and words of the fields of several tables, and notes."""
    values: dict[str, np.ndarray] = {}
    words: dict[str, list[str]] = {}
    notes: list[str] = []
    for asked in tables:
        found = cohort.table(asked.family)
        if found is None:
            notes.append(f"{modality}: no file {asked.family}, left out")
            continue
        path, table = found
        if asked.family == "APOERES":
            table = with_alleles(table, path)
        rows = at_visit(table, "published" if asked.fixed else cohort.visit, path)
        if cohort.visit == "published" and (undated := int(rows["day"].isna().sum())):
            notes.append(f"{path.name}: {cohort.told(undated)} rows without a date")
        rows = rows[rows[SUBJECT].isin(cohort.subjects)]
        own, texts, said = _of_table(rows, asked, cohort, path)
        values |= own
        words |= texts
        notes += [f"{modality}: {one}" for one in said]
    return values, words, notes


def _of_table(
    rows: pd.DataFrame, asked: Table, cohort: Cohort, path: Path
) -> tuple[dict[str, np.ndarray], dict[str, list[str]], list[str]]:
    """Numbers and words of the fields of one table, and notes."""
    names, notes = [*asked.numbers, *asked.words], []
    if lacking := [name for name in names if name not in rows]:
        notes.append(f"{path.name} has no {', '.join(lacking)}")
    differing = contradicted(rows, names, path)
    if differing:
        notes.append(
            f"{path.name}: {cohort.told(differing)} subjects of two rows that differ, "
            "entered at one time for one visit; the smaller word counts"
        )
    rows, lost = with_units(rows)
    notes += [
        f"{cohort.told(count)} values of {name} left out, in no known unit "
        f"({UNITS[name][0]})"
        for name, count in lost.items()
    ]
    units = [unit for name, (unit, _) in UNITS.items() if name in asked.numbers]
    texts = first_stated(rows, [*names, *units], cohort.subjects)
    stated, bounds = numbers(texts[[*asked.numbers]], path)
    if bounds:
        notes.append(f"{cohort.told(bounds)} values beyond what the assay measures")
    own = pd.DataFrame(stated, columns=list(asked.numbers), index=texts.index)
    own = in_common_units(own, texts[units])
    values = {str(name): own[name].to_numpy() for name in own}
    codes = {name: texts[name].str.removesuffix(".0").tolist() for name in asked.words}
    return values, codes, notes


def _age(cohort: Cohort) -> Float[np.ndarray, " subjects"] | None:
    """Years between the year of birth and that of the diagnosis."""
    found = cohort.table("PTDEMOG")
    if found is None:
        return None
    path, table = found
    if not {*BORN} & {*table}:
        return None
    rows = at_visit(with_years(table, path), cohort.visit, path)
    born = first_stated(rows, ["BORN"], cohort.subjects)
    return ages(born, cohort.rows["day"], path)


def _drugs(cohort: Cohort) -> tuple[list[str] | None, list[str]]:
    """The drugs of every subject at the visit, but for those against dementia."""
    found = cohort.table(adni_fields.DRUGS)
    if found is None:
        return None, [f"clinical: no file {adni_fields.DRUGS}, left out"]
    path, table = found
    if "CMMED" not in table:
        raise ValueError(f"{path}: has no column CMMED; give the table of drugs")
    rows = at_visit(table, cohort.visit, path)
    names = rows["CMMED"].map(plain).str.lower().str.replace("|", " ", regex=False)
    rows = rows.assign(CMMED=names)[~names.isin([u.lower() for u in UNSTATED])]
    words = rows["CMMED"].map(telling_words)
    telling = words.map(bool)
    kept = rows[~telling].groupby(SUBJECT)["CMMED"]
    joined = kept.agg(lambda own: "|".join(sorted(set(own))))
    note = f"clinical: {cohort.told(int(telling.sum()))} entries of drugs against "
    note += "dementia left out"
    # Names in full are known; what is only like one is told, for whoever reads it.
    like = Counter(w for own in words for w in own if not any(n in w for n in NAMES))
    if like:
        met = ", ".join(
            f"{word} {cohort.told(count)}" for word, count in sorted(like.items())
        )
        note += f"; of them misspelled or cut: {met}"
    return joined.reindex(cohort.subjects).fillna("").tolist(), [note]


def _fields(
    values: Mapping[str, np.ndarray],
    words: Mapping[str, Sequence[str]],
    cohort: Cohort,
) -> Fields:
    rows = range(len(cohort.rows))
    numeric = pd.DataFrame(dict(values), index=rows).to_numpy(np.float32)
    frame = pd.DataFrame(dict(words), index=rows)
    return Fields(tuple(values), numeric, frame.astype("str"))
