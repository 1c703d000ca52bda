"""Every table by name: merged ones have blocks and metrics, plain ones are texts."""

from repro.tables.attribution import attribution
from repro.tables.noise import noise
from repro.tables.sentiment import table3, table6
from repro.tables.settings import hyperparameters
from repro.tables.timing import table10

MERGED = {
    "table3": table3,
    "table6": table6,
    "table10": table10,
    "attribution": attribution,
    "noise": noise,
}
PLAIN = {"hyperparameters": hyperparameters}
