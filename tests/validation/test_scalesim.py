"""Cycles and SRAM reads of SCALE-Sim 3.0.0 (bandwidth mode CALC), every row, exactly, with ``preset: scalesim``."""

from __future__ import annotations

import csv
from functools import cache

import pytest

from accel_sim import gemm, load_hardware, simulate
from tests.shared_files import shared_path

DATAFLOWS = ("os", "ws", "is")


@cache
def machine(rows: int, cols: int, dataflow: str):
    overrides = {"preset": "scalesim", "array.rows": rows, "array.cols": cols, "array.dataflow": dataflow}
    return load_hardware("dense_int8_16x16", overrides=overrides)


def golden(name: str, dataflow: str) -> list[dict[str, str]]:
    with shared_path(f"golden/{name}.csv").open() as file:
        return [row for row in csv.DictReader(file) if row["dataflow"] == dataflow]


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("name", ["scalesim_shapes_calc", "scalesim_nets_calc"])
def test_every_row_agrees(name, dataflow):
    rows = golden(name, dataflow)
    assert rows
    differing = []
    for row in rows:
        hardware = machine(int(row["array_rows"]), int(row["array_cols"]), dataflow)
        total = simulate(gemm(m=int(row["M"]), n=int(row["N"]), k=int(row["K"])), hardware).total
        ours = (
            total.cycles.total,
            total.cycles.stall,
            total.sram.activations.read_bytes,
            total.sram.weights.read_bytes,
        )
        theirs = (int(row["total_cycles"]) + 1, 0, int(row["ifmap_sram_reads"]), int(row["filter_sram_reads"]))
        if ours != theirs:
            differing.append((row["topology"], row["layer"], row["array_rows"], row["array_cols"], ours, theirs))
    assert not differing, f"{len(differing)} of {len(rows)} rows, e.g. {differing[:3]}"


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_outputs_leave_once_where_scalesim_writes_more(dataflow):
    """Partial sums go through the output SRAM once per K fold and finished outputs leave once; SCALE-Sim adds
    Fr·Fc·(rows + cols) writes that no output needs (os) and never reads partial sums back."""
    for row in golden("scalesim_shapes_calc", dataflow):
        m, n, k = int(row["M"]), int(row["N"]), int(row["K"])
        rows = int(row["array_rows"])
        total = simulate(gemm(m=m, n=n, k=k), machine(rows, int(row["array_cols"]), dataflow)).total
        k_folds = 1 if dataflow == "os" else -(-k // rows)
        assert total.sram.outputs.write_bytes == m * n * k_folds * 4
        assert total.sram.outputs.read_bytes == m * n * k_folds * 4
