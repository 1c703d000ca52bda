"""Every table of I2MoE."""

from repro.tables.i2moe_planted import planted
from repro.tables.rows import Table

PAPER = "i2moe"
TABLES: dict[str, Table] = {
    "planted": Table("Planted interactions. What is known of them", planted),
}
