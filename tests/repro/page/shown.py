"""What the page of the committed study shows, by the names of its stages."""

from repro.figures import btw as figures_of_btw
from repro.figures import i2moe as figures_of_i2moe
from repro.tables import btw as tables_of_btw
from repro.tables import i2moe as tables_of_i2moe

TABLES = (
    *(f"btw_{name}" for name in tables_of_btw.TABLES),
    *(f"i2moe_{name}" for name in tables_of_i2moe.TABLES),
)
FIGURES = (
    *(f"btw_{name}" for name in figures_of_btw.FIGURES),
    *(f"i2moe_{name}" for name in figures_of_i2moe.FIGURES),
)
