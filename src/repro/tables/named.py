"""Every table by name: merged ones have blocks and metrics, plain ones are texts."""

from repro.tables.attribution import attribution
from repro.tables.clinical import table4, table7, table8, table9
from repro.tables.cohorts import table2
from repro.tables.fusions import fusions, table5
from repro.tables.noise import noise
from repro.tables.sentiment import table3, table6
from repro.tables.settings import hyperparameters
from repro.tables.timing import table10

MERGED = {
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "table5": table5,
    "table6": table6,
    "table7": table7,
    "table8": table8,
    "table9": table9,
    "table10": table10,
    "attribution": attribution,
    "noise": noise,
    "fusions": fusions,
}
PLAIN = {"hyperparameters": hyperparameters}
