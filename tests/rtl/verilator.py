"""The Verilog array under Verilator: a second simulator's opinion, and its speed.

Run as a program (``python -m tests.rtl.verilator [rows] [m]``) it prints the rate of a square weight-stationary int8
array, the figure that ``make bench`` sets beside the reference engine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.rtl.cases import operands
from tests.rtl.rtl_array import VERILOG, RtlCase, RtlFailure, RtlRun, compile_parameters, host_words

__all__ = ["VerilatorRun", "rate", "run_verilator"]

BENCH = Path(__file__).with_name("verilator_bench.cpp")


@dataclass(frozen=True, eq=False)
class VerilatorRun:
    """The run, and the wall-clock seconds of its simulated cycles (without compiling and writing operands)."""

    run: RtlRun
    seconds: float


def run_verilator(case: RtlCase) -> VerilatorRun:
    """Compiles the array with Verilator and g++ and runs the product; outputs up to 32 bits wide.

    Raises:
        RtlFailure: the build or the run failed, or a FIFO was misused.
    """
    words = host_words(case.activations, case.a_bits, case.a_signed)
    words += host_words(case.weights, case.w_bits, case.w_signed)
    sizes = (case.m, case.n, case.k, case.cols, case.row_folds, case.col_folds)
    with tempfile.TemporaryDirectory(prefix="bitgrove-verilator-") as folder:
        work = Path(folder)
        job = work / "job.txt"
        job.write_text("\n".join(map(str, (*sizes, *words))))
        parameters = [f"-G{name}={value}" for name, value in compile_parameters(case).items()]
        sources = [str(path) for path in sorted(VERILOG.glob("*.v"))]
        options = ["--cc", "--exe", "--build", "-O3", "-Wno-lint", "-Wno-UNOPTFLAT", "--top-module", "machine"]
        _run(
            ["verilator", *options, "-CFLAGS", "-O2", "--Mdir", str(work), *parameters, *sources, str(BENCH.resolve())]
        )
        lines = _run([str(work / "Vmachine"), str(job)]).splitlines()
    cycles, misused, seconds = lines[0].split()
    if misused != "0":
        raise RtlFailure("a FIFO or a result register was pushed while full or popped while empty")
    outputs = np.array(lines[1:], dtype=np.int64).reshape(case.m, case.n)
    return VerilatorRun(RtlRun(outputs, int(cycles)), float(seconds))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RtlFailure(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def rate(rows: int, m: int) -> float:
    """PE-cycles per second of Verilator on a ``rows × rows`` weight-stationary int8 array, one fold of ``m`` steps."""
    rng = np.random.default_rng(0)
    case = RtlCase(
        operands(rng, (m, rows), 8, signed=False), operands(rng, (rows, rows), 8, signed=True), rows=rows, cols=rows
    )
    result = run_verilator(case)
    if not np.array_equal(result.run.outputs, case.activations @ case.weights):
        raise RtlFailure("the outputs differ from the matrix product")
    return rows * rows * result.run.cycles / result.seconds


def main() -> None:
    """Prints the rate."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    m = int(sys.argv[2]) if len(sys.argv) > 2 else 4096
    if shutil.which("verilator") is None:
        sys.exit("verilator not found; tests/rtl/install.sh installs it")
    print(f"verilator, ws parallel int8 {rows}x{rows}, m={m}: {rate(rows, m):.3g} PE-cycles/s")


if __name__ == "__main__":
    main()
