"""Writes ``hwconfigs/tables/sram_cacti.csv`` from the CACTI 7 runs in ``golden/cacti_sram.csv`` of the shared data.

    python -m tests.unit.energy.derive_sram_table

All rows are kept; the columns cycle_ns and leakage_mW (= banks times the two per-bank columns) are dropped, the six
combinations of transistor and ports become columns, and numbers are rounded to four digits.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tests.shared_files import CHECKOUT, shared_path

GEOMETRY = ("size_bytes", "width_bits", "banks", "node_nm")
QUANTITIES = {
    "read_pj": "read_pJ",
    "write_pj": "write_pJ",
    "sub_mw": "leak_sub_mW_per_bank",
    "gate_mw": "leak_gate_mW_per_bank",
    "area_mm2": "area_mm2",
    "access_ns": "access_ns",
}
VARIANTS = ("lop_1rw", "lstp_1rw", "lstp_1r1w", "lstp_2rw", "hp_1rw", "hp_1r1w")
HEADER = (
    "# SRAM macros by CACTI 7 (HP Labs), made by the runs in golden/cacti_sram.csv with derive_sram_table.py.",
    "# Energy per access of one bank's word; sub_mw and gate_mw: subthreshold and gate leakage per bank,",
    "# at 360 K for lop and hp, at 300 K for lstp; area_mm2: all banks.",
    "# Supply voltage: CACTI's nominal one of node and transistor.",
)


def _short(text: str) -> str:
    """Four significant digits in the shorter of plain and exponent notation."""
    plain = f"{float(text):.4g}"
    mantissa, exponent = f"{float(text):.3e}".split("e")
    scientific = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return min(plain.removeprefix("0") if plain.startswith("0.") else plain, scientific, key=len)


def derive(source: Path) -> list[str]:
    """The lines of the shipped table."""
    rows: dict[tuple[int, ...], dict[str, str]] = {}
    with source.open(newline="") as stream:
        for row in csv.DictReader(stream):
            geometry = tuple(int(row[name]) for name in GEOMETRY)
            variant = f"{row['device'].removeprefix('itrs-')}_{row['ports'].lower()}"
            values = {f"{variant}_{name}": _short(row[column]) for name, column in QUANTITIES.items()}
            rows.setdefault(geometry, {}).update(values)
    columns = [f"{variant}_{name}" for variant in VARIANTS for name in QUANTITIES]
    lines = [*HEADER, ",".join([*GEOMETRY, *columns])]
    lines += [",".join([*map(str, key), *(rows[key][column] for column in columns)]) for key in sorted(rows)]
    return lines


if __name__ == "__main__":
    target = CHECKOUT / "hwconfigs/tables/sram_cacti.csv"
    target.write_text("\n".join(derive(shared_path("golden/cacti_sram.csv"))) + "\n")
