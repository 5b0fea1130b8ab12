"""The bench inside the simulator: writes the operands, runs the machine, reads the outputs and the cycle count.

Loaded by cocotb in the simulator's process; :func:`tests.rtl.rtl_array.run_rtl` writes ``job.json`` into the folder
``$BITGROVE_RTL_JOB`` and reads ``result.json`` from it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge, with_timeout

PERIOD_NS = 2


@cocotb.test()
async def product(dut: Any) -> None:
    """One matrix product from reset to the last output."""
    folder = Path(os.environ["BITGROVE_RTL_JOB"])
    job = json.loads((folder / "job.json").read_text())
    Clock(dut.clk, PERIOD_NS, unit="ns").start()

    dut.run.value = 0
    dut.rst.value = 1
    for signal, name in ((dut.size_m, "m"), (dut.size_n, "n"), (dut.size_k, "k")):
        signal.value = job[name]
    dut.row_folds.value = job["row_folds"]
    dut.col_folds.value = job["col_folds"]
    for write, other, name in ((dut.a_write, dut.w_write, "activations"), (dut.w_write, dut.a_write, "weights")):
        other.value = 0
        write.value = 1
        for address, word in enumerate(job[name]):
            dut.write_address.value = address
            dut.write_word.value = word
            await FallingEdge(dut.clk)
    dut.a_write.value = 0
    dut.w_write.value = 0
    dut.rst.value = 0
    await FallingEdge(dut.clk)

    dut.run.value = 1
    await with_timeout(RisingEdge(dut.done), job["cycle_limit"] * PERIOD_NS, "ns")
    await FallingEdge(dut.clk)

    outputs = [[0] * job["n"] for _ in range(job["m"])]
    for m in range(job["m"]):
        for n in range(job["n"]):
            dut.read_col.value = n % job["cols"]
            dut.read_address.value = n // job["cols"] * job["m"] + m
            await FallingEdge(dut.clk)
            outputs[m][n] = dut.read_word.value.to_signed()
    result = {"outputs": outputs, "cycles": int(dut.cycles.value), "misused": int(dut.misused.value)}
    (folder / "result.json").write_text(json.dumps(result))
