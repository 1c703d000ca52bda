"""Simulated tables of ADNI, with the columns, codes and defects of the real ones."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from repro.data.frames import mixing

DAY = "09Sep2024"  # of the download
PARTS = (4, 11, 12, 16, 17, 18, 29, 30, 37, 42, 53, 61, 65, 70, 71, 75, 76, 77, 88, 89)
REGIONS = (13, 14, 15, 23, 24, 25, 26, 31, 32, 34, 35, 36, 38, 39, 40, 83, 85, 90, 91)
HISTORY = (
    *("MHPSYCH", "MH2NEURL", "MH3HEAD", "MH4CARD", "MH5RESP", "MH6HEPAT", "MH7DERM"),
    *("MH8MUSCL", "MH9ENDO", "MH10GAST", "MH11HEMA", "MH12RENA", "MH13ALLE"),
    *("MH14ALCH", "MH15DRUG", "MH16SMOK", "MH17MALI", "MH18SURG"),
)
SIGNS = (
    *("NXVISUAL", "NXAUDITO", "NXTREMOR", "NXCONSCI", "NXNERVE", "NXMOTOR"),
    *("NXFINGER", "NXHEEL", "NXSENSOR", "NXTENDON", "NXPLANTA", "NXGAIT"),
)
DRUGS = (
    *("Aspirin", "Lipitor", "Vitamin D", "Metformin", "Lisinopril", "Omeprazole"),
    *("Synthroid", "Zoloft", "Norvasc", "Fish Oil", "Calcium", "Atenolol"),
)
TELLING = "Aricept 10 mg"  # what nearly every patient with AD takes
VOLUME_NOISE = 1.0  # sd of the noise of a region, that of a latent is 1
BLANK = 0.03  # share of fields that are left empty, half of them as -4
FAILED = 0.01  # share of segmentations of failed quality
TWICE = 0.03  # share of diagnoses that were entered wrong and again
ODD_UNITS = 0.3  # share of sites that measure in pounds, inches and Fahrenheit
CUT = (0.98, 0.99)  # quantile of an assay beyond which only a bound is stated

File = tuple[str, bytes]
Seen = Float[np.ndarray, "subjects latents"]


@dataclass(frozen=True)
class People:
    """Subjects with their diagnosis now and a year later, and who has one now."""

    ids: Sequence[str]
    y: Int[np.ndarray, " subjects"]
    later: Int[np.ndarray, " subjects"]
    is_diagnosed: Bool[np.ndarray, " subjects"]

    def keys(self, visit: str, year: int = 2011, *, named: bool = True) -> pd.DataFrame:
        """The columns that every table begins with; some name only the RID."""
        count = len(self.ids)
        rid = [str(int(name[-4:])) for name in self.ids]
        keys = {"PHASE": ["ADNI2"] * count, "PTID": list(self.ids), "RID": rid}
        keys |= {"VISCODE": ["v03"] * count, "VISCODE2": [visit] * count}
        days = [f"{year}-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in range(count)]
        table = pd.DataFrame({**keys, "EXAMDATE": days, "update_stamp": days})
        return table if named else table.drop(columns="PTID")


def diagnoses(people: People, generator: np.random.Generator) -> File:
    """Baseline and one later visit; some entered wrong, and again the year after."""
    now = people.keys("bl").assign(DIAGNOSIS=(people.y + 1).astype(str))
    now.loc[~people.is_diagnosed, "DIAGNOSIS"] = ""
    screened = generator.random(len(now)) < TWICE
    now.loc[screened, "VISCODE2"] = "sc"
    wrong = now[generator.random(len(now)) < TWICE]
    wrong = wrong[wrong["DIAGNOSIS"] != ""].copy()
    wrong["DIAGNOSIS"] = wrong["DIAGNOSIS"].map({"1": "2", "2": "3", "3": "2"})
    wrong["update_stamp"] = "2010-01-01"
    later = people.keys("m12", 2012).assign(DIAGNOSIS=(people.later + 1).astype(str))
    return _file("DXSUM", pd.concat([later, wrong, now]))


def regions(
    people: People,
    seen: Seen,
    there: Bool[np.ndarray, " subjects"],
    generator: np.random.Generator,
) -> File:
    """Volumes and thicknesses: of the latents now, of the diagnosis a year later."""
    names = [f"ST{n}SV" for n in PARTS]
    names += [f"ST{n}{kind}" for n in REGIONS for kind in ("CV", "TA")]
    base = np.array([2.5 if name.endswith("TA") else 3500.0 for name in names])
    shown = seen @ mixing(len(names), seen.shape[1], generator).T
    shown += VOLUME_NOISE * generator.standard_normal(shown.shape)
    values = _blanked(_texts(base * (1 + 0.05 * shown)), generator)
    now = people.keys("sc").assign(OVERALLQC="Pass", **_columns(names, values))
    failed = generator.random(len(now)) < FAILED
    wrong = now[failed & there].assign(OVERALLQC="Fail")
    telling = base * (1 + 0.05 * people.later[:, None] + 0 * shown)
    later = people.keys("m12", 2012).assign(OVERALLQC="Pass")
    later = later.assign(**_columns(names, _texts(telling)))
    return _file("UCSFFSX7", pd.concat([wrong, now[there], later[there]]))


def clinic(
    people: People, seen: Seen, generator: np.random.Generator
) -> Iterator[File]:
    """Demography, history, examination, vital signs and drugs."""
    count = len(people.ids)
    leaks = {
        "PTCOGBEG": (2010 - people.y).astype(str),
        "PTADDX": np.where(people.y == 2, "2010", "-4"),
        "PTADBEG": np.where(people.y == 2, "2009", "-4"),
    }
    shown = _shown(seen, 2, generator)
    facts = {
        "PTGENDER": generator.integers(1, 3, count).astype(str),
        "PTDOBYY": np.rint(1938 - 4 * shown[:, 0]).astype(int).astype(str),
        "PTEDUCAT": np.rint(16 + 2 * shown[:, 1]).astype(int).astype(str),
        **{
            name: generator.integers(1, most, count).astype(str)
            for name, most in (("PTHAND", 3), ("PTMARRY", 5), ("PTRACCAT", 6))
        },
    }
    demography = people.keys("sc").assign(**facts, **leaks)
    # A file of a spreadsheet: a mark at its start, and lines that end in CR LF.
    yield _file("PTDEMOG", demography, start="\ufeff", end="\r\n")
    for family, names, codes in (
        ("MEDHIST", HISTORY, ("0", "1")),
        ("NEUROEXM", SIGNS, ("1", "2")),
    ):
        values = np.array(codes)[_drawn(seen, len(names), generator).astype(int)]
        values = _blanked(values.astype(object), generator)
        yield _file(family, people.keys("sc").assign(**_columns(names, values)))
    yield _vital_signs(people, seen, generator)
    yield _drugs(people, seen, generator)


def specimens(
    people: People,
    seen: Seen,
    there: Bool[np.ndarray, " subjects"],
    generator: np.random.Generator,
) -> Iterator[File]:
    """Proteins of the spinal fluid and the genotype of APOE, both by RID alone."""
    names = ("ABETA42", "ABETA40", "TAU", "PTAU")
    centre = np.array([1000.0, 18000.0, 250.0, 24.0])
    values = centre * np.exp(0.4 * _shown(seen, len(names), generator, 0.4))
    texts = _blanked(_texts(values), generator)
    most = np.quantile(values[:, 0], CUT[0])
    least = np.quantile(values[:, 3], 1 - CUT[1])
    texts[values[:, 0] > most, 0] = f">{most:.0f}"
    texts[values[:, 3] < least, 3] = f"<{least:.0f}"
    keys = people.keys("bl", named=False)
    yield _file(
        "UPENNBIOMK_ROCHE_ELECSYS", keys.assign(**_columns(names, texts))[there]
    )
    alleles = 3 + _drawn(0.7 * seen, 2, generator).astype(int)
    genotype = {"APGEN1": alleles.min(1).astype(str), "APGEN2": alleles.max(1)}
    keys = people.keys("v01", named=False)
    yield _file("APOERES", keys.assign(**genotype).astype(str)[there])


def _vital_signs(people: People, seen: Seen, generator: np.random.Generator) -> File:
    shown = _shown(seen, 4, generator)
    count = len(shown)
    is_odd = generator.random(count) < ODD_UNITS
    weight, height = 75 + 8 * shown[:, 0], 170 + 9 * generator.standard_normal(count)
    heat = 36.6 + 0.3 * generator.standard_normal(count)
    unit = np.where(is_odd, "1", "2")
    values = {
        "VSWEIGHT": np.where(is_odd, weight / 0.45359237, weight),
        "VSHEIGHT": np.where(is_odd, height / 2.54, height),
        "VSTEMP": np.where(is_odd, heat * 9 / 5 + 32, heat),
        "VSBPSYS": 135 + 12 * shown[:, 1],
        "VSBPDIA": 75 + 8 * shown[:, 2],
        "VSPULSE": 66 + 8 * shown[:, 3],
        "VSRESP": 16 + 2 * generator.standard_normal(count),
    }
    texts = _blanked(_texts(np.column_stack([*values.values()])), generator)
    units = dict.fromkeys(("VSWTUNIT", "VSHTUNIT", "VSTMPUNT"), unit)
    now = people.keys("bl").assign(**units, **_columns(list(values), texts))
    telling = people.keys("m12", 2012).assign(VSBPSYS=(100 + 20 * people.y).astype(str))
    return _file("VITALS", pd.concat([telling.reindex(columns=now.columns), now]))


def _drugs(people: People, seen: Seen, generator: np.random.Generator) -> File:
    """One row for each drug of a subject, those against dementia among them."""
    takes = _drawn(seen, len(DRUGS), generator)
    keys, rows = people.keys("sc"), []
    for name, who in zip(DRUGS, takes.T, strict=True):
        rows.append(keys[who].assign(CMMED=name))
    ill = (people.y == 2) & (generator.random(len(keys)) < 0.95)
    rows.append(keys[ill].assign(CMMED=TELLING))
    return _file("RECCMEDS", pd.concat(rows))


def _shown(
    seen: Seen, width: int, generator: np.random.Generator, noise: float = 0.5
) -> Float[np.ndarray, "subjects width"]:
    """Mixtures of the latents of variance about 1, and a little noise."""
    loadings = generator.standard_normal((seen.shape[1], width))
    loadings /= np.linalg.norm(loadings, axis=0)
    return seen @ loadings + noise * generator.standard_normal((len(seen), width))


def _drawn(
    seen: Seen, width: int, generator: np.random.Generator
) -> Bool[np.ndarray, "subjects width"]:
    """Whether a subject has each of so many findings; a third have one on average."""
    shown = 1.5 * _shown(seen, width, generator, 0.0) - 0.7
    return generator.random(shown.shape) < 1 / (1 + np.exp(-shown))


def _texts(
    values: Float[np.ndarray, "rows columns"],
) -> Shaped[np.ndarray, "rows columns"]:
    return np.array([[f"{value:.4g}" for value in row] for row in values], dtype=object)


def _blanked(
    texts: Shaped[np.ndarray, "rows columns"], generator: np.random.Generator
) -> Shaped[np.ndarray, "rows columns"]:
    """Some fields empty, and as many with the code of a missing value."""
    draw = generator.random(texts.shape)
    texts[draw < BLANK / 2] = ""
    texts[(draw >= BLANK / 2) & (draw < BLANK)] = "-4"
    return texts


def _columns(
    names: Sequence[str], values: Shaped[np.ndarray, "rows columns"]
) -> Mapping[str, np.ndarray]:
    return dict(zip(names, values.T, strict=True))


def _file(family: str, table: pd.DataFrame, start: str = "", end: str = "\n") -> File:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writerow(table.columns)
    writer.writerows(table.fillna("").itertuples(index=False))
    return f"{family}_{DAY}.csv", (start + buffer.getvalue()).encode()
