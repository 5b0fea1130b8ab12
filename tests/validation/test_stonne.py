"""STONNE's output-stationary mesh: per tile of r × c used PEs ``K + (r-1) + (c-1)`` and its constant of 5 (4)."""

from __future__ import annotations

import csv
from functools import cache

from accel_sim import gemm, load_hardware, simulate
from tests.shared_files import shared_path


@cache
def machine(rows: int, cols: int):
    """An os mesh whose partly filled folds take the used PEs' latency, one fold after another, without a drain."""
    overrides = {
        "preset": "scalesim",
        "array.edge_folds": "used",
        "array.dataflow": "os",
        "array.rows": rows,
        "array.cols": cols,
    }
    return load_hardware("dense_int8_16x16", overrides=overrides)


def tiles(extent: int, size: int) -> list[int]:
    return [min(size, extent - start) for start in range(0, extent, size)]


def test_every_row_agrees_but_for_the_constant():
    with shared_path("golden/stonne_tpu_os.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["op"] == "gemm"]
    compared = 0
    for row in rows:
        height, width = int(row["array_rows"]), int(row["array_cols"])
        if int(row["dn_bw"]) < height + width:
            continue  # limited by the read ports of that machine besides
        m, n, k = (int(row[key]) for key in "MNK")
        total = simulate(gemm(m=m, n=n, k=k), machine(height, width)).total
        constant = sum(4 if 1 in (r, c) else 5 for r in tiles(m, height) for c in tiles(n, width))
        assert total.cycles.total + constant == int(row["cycles"]), row["case"]
        reads = (total.sram.activations.read_bytes, total.sram.weights.read_bytes)
        assert reads == (int(row["sram_input_reads"]), int(row["sram_weight_reads"])), row["case"]
        compared += 1
    assert compared >= 40
