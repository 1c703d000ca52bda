"""Which tables of ADNI are read and which of their fields; names as in the files."""

from dataclasses import dataclass

LABEL = "DXSUM"
IMAGE = "UCSFFSX7"
DRUGS = "RECCMEDS"
# What LONI writes where a value is missing, beside an empty field.
UNSTATED = ("", "-4", "-1", "-4.0", "-1.0", "NA")
# Volumes, thickness and volumes of the parts below the cortex of FreeSurfer.
REGION = r"ST\d+(CV|TA|SV)"
# When symptoms began and when a diagnosis was made: they tell the diagnosis.
LEAKING = ("PTCOGBEG", "PTADDX", "PTADBEG")


@dataclass(frozen=True)
class Table:
    """The family of a table, and its fields: numbers, and codes taken as words.

    A `fixed` one tells what no visit changes, so that a row of any visit counts.
    """

    family: str
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    fixed: bool = False


CLINICAL = (
    Table(
        "PTDEMOG",
        ("PTEDUCAT",),
        ("PTGENDER", "PTHAND", "PTMARRY", "PTHOME", "PTPLANG", "PTETHCAT", "PTRACCAT"),
    ),
    Table(
        "MEDHIST",
        words=(
            *("MHPSYCH", "MH2NEURL", "MH3HEAD", "MH4CARD", "MH5RESP", "MH6HEPAT"),
            *("MH7DERM", "MH8MUSCL", "MH9ENDO", "MH10GAST", "MH11HEMA", "MH12RENA"),
            *("MH13ALLE", "MH14ALCH", "MH15DRUG", "MH16SMOK", "MH17MALI", "MH18SURG"),
        ),
    ),
    Table(
        "NEUROEXM",
        words=(
            *("NXVISUAL", "NXAUDITO", "NXTREMOR", "NXCONSCI", "NXNERVE", "NXMOTOR"),
            *("NXFINGER", "NXHEEL", "NXSENSOR", "NXTENDON", "NXPLANTA", "NXGAIT"),
        ),
    ),
    Table(
        "VITALS",
        ("VSWEIGHT", "VSHEIGHT", "VSBPSYS", "VSBPDIA", "VSPULSE", "VSRESP", "VSTEMP"),
    ),
)
BIOSPECIMEN = (
    Table("UPENNBIOMK_ROCHE_ELECSYS", ("ABETA42", "ABETA40", "TAU", "PTAU")),
    Table("APOERES", words=("APGEN1", "APGEN2"), fixed=True),
)
FAMILIES = (LABEL, IMAGE, DRUGS, *(t.family for t in (*CLINICAL, *BIOSPECIMEN)))
# Field: the column of its unit, and what makes kg, cm and degrees Celsius of every
# unit (a factor and a shift).
UNITS = {
    "VSWEIGHT": ("VSWTUNIT", {"1": (0.45359237, 0.0), "2": (1.0, 0.0)}),
    "VSHEIGHT": ("VSHTUNIT", {"1": (2.54, 0.0), "2": (1.0, 0.0)}),
    "VSTEMP": ("VSTMPUNT", {"1": (5 / 9, -160 / 9), "2": (1.0, 0.0)}),
}
