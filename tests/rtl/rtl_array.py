"""Runs one matrix product on the Verilog array under Icarus Verilog, driven through cocotb.

:func:`run_rtl` is all that a test needs: operands in, outputs and cycles out. The hardware's parameters are compiled
in, sizes and operands are written through the machine's host port by :mod:`tests.rtl.cocotb_bench`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["VERILOG", "RtlCase", "RtlFailure", "RtlRun", "compile_parameters", "host_words", "missing_tools", "run_rtl"]

VERILOG = Path(__file__).parent / "verilog"
CHECKOUT = Path(__file__).resolve().parents[2]

DATAFLOWS = ("ws", "os")
ARITHMETICS = ("parallel", "serial_act", "term_serial_act")
ENCODINGS = ("bits", "csd")
OVERLAPS = ("none", "preload", "full")


class RtlFailure(Exception):  # noqa: N818 - a run that broke, not a wrong call
    """The simulation did not build, did not end, or used a FIFO wrongly."""


@dataclass(frozen=True, eq=False)
class RtlCase:
    """One product on one array; the names are those of a hwconfig's ``array`` section.

    Attributes:
        activations: integers ``(m, k)`` that fit ``a_bits``, ``a_signed``.
        weights: integers ``(k, n)`` that fit ``w_bits``, ``w_signed``.

    Raises:
        ValueError: an operand out of range.
    """

    activations: NDArray[np.int64]
    weights: NDArray[np.int64]
    rows: int = 4
    cols: int = 4
    lanes: int = 1
    dataflow: Literal["ws", "os"] = "ws"
    arithmetic: Literal["parallel", "serial_act", "term_serial_act"] = "parallel"
    digit_bits: int = 1
    encoding: Literal["bits", "csd"] = "bits"
    fifo_depth: int = 1
    fold_overlap: Literal["none", "preload", "full"] = "preload"
    a_bits: int = 8
    w_bits: int = 8
    a_signed: bool = False
    w_signed: bool = True
    acc_bits: int = 32

    def __post_init__(self) -> None:
        if self.activations.shape[1] != self.weights.shape[0]:
            raise ValueError(f"activations {self.activations.shape} and weights {self.weights.shape} do not multiply")
        _check_range("activations", self.activations, self.a_bits, self.a_signed)
        _check_range("weights", self.weights, self.w_bits, self.w_signed)

    @property
    def m(self) -> int:
        """Rows of the output."""
        return int(self.activations.shape[0])

    @property
    def k(self) -> int:
        """Length of the dot products."""
        return int(self.activations.shape[1])

    @property
    def n(self) -> int:
        """Columns of the output."""
        return int(self.weights.shape[1])

    @property
    def steps(self) -> int:
        """Time steps T of a fold."""
        return self.m if self.dataflow == "ws" else -(-self.k // self.lanes)

    @property
    def row_folds(self) -> int:
        """Folds along the array's rows."""
        extent = -(-self.k // self.lanes) if self.dataflow == "ws" else self.m
        return -(-extent // self.rows)

    @property
    def col_folds(self) -> int:
        """Folds along the array's columns."""
        return -(-self.n // self.cols)


@dataclass(frozen=True, eq=False)
class RtlRun:
    """What the simulated hardware did: ``outputs`` ``(m, n)`` as they lie in its output banks, and its ``cycles``."""

    outputs: NDArray[np.int64]
    cycles: int


def _check_range(what: str, values: NDArray[np.int64], bits: int, signed: bool) -> None:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    allowed = np.isin(values, (-1, 1)) if signed and bits == 1 else (values >= low) & (values <= high)
    if not allowed.all():
        raise ValueError(f"{what} do not fit {bits} {'signed' if signed else 'unsigned'} bits")


def missing_tools() -> str | None:
    """Why the RTL cannot be simulated here, or None if it can."""
    if shutil.which("iverilog") is None:
        return "Icarus Verilog (iverilog) not found; tests/rtl/install.sh installs it"
    if importlib.util.find_spec("cocotb") is None:
        return "cocotb not found; tests/rtl/install.sh installs it"
    return None


def host_words(values: NDArray[np.int64], bits: int, signed: bool) -> list[int]:
    """Operands as raw words of the operand store, row-major; one signed bit holds 1 for +1 and 0 for −1."""
    flat = values.reshape(-1)
    raw = (flat + 1) // 2 if signed and bits == 1 else flat & ((1 << bits) - 1)
    return [int(word) for word in raw]


def compile_parameters(case: RtlCase) -> dict[str, int]:
    """Parameters of the Verilog module ``machine`` for a case."""
    return {
        "DATAFLOW": DATAFLOWS.index(case.dataflow),
        "ROWS": case.rows,
        "COLS": case.cols,
        "LANES": case.lanes,
        "FIFO_DEPTH": case.fifo_depth,
        "A_BITS": case.a_bits,
        "W_BITS": case.w_bits,
        "A_SIGNED": int(case.a_signed),
        "W_SIGNED": int(case.w_signed),
        "ACC_BITS": case.acc_bits,
        "ARITHMETIC": ARITHMETICS.index(case.arithmetic),
        "DIGIT_BITS": case.digit_bits,
        "ENCODING": ENCODINGS.index(case.encoding),
        "FOLD_OVERLAP": OVERLAPS.index(case.fold_overlap),
        "A_WORDS": case.m * case.k,
        "W_WORDS": case.k * case.n,
        "OUT_WORDS": case.col_folds * case.m,
    }


def _cycle_limit(case: RtlCase) -> int:
    """Cycles after which a run is taken for hung: every beat the longest there is, nothing overlapped, twice over."""
    beat = case.a_bits + 1
    fold = case.steps * beat + 3 * case.rows + case.cols
    return 2 * case.row_folds * case.col_folds * fold + 100


def run_rtl(case: RtlCase, verilog: Path = VERILOG) -> RtlRun:
    """Compiles the array for ``case``, runs the product and reads the outputs back.

    Args:
        verilog: folder of the sources.

    Raises:
        RtlFailure: the build or the run failed, with the simulator's last lines.
    """
    from cocotb_tools.runner import get_runner

    job = {
        "m": case.m,
        "n": case.n,
        "k": case.k,
        "cols": case.cols,
        "row_folds": case.row_folds,
        "col_folds": case.col_folds,
        "activations": host_words(case.activations, case.a_bits, case.a_signed),
        "weights": host_words(case.weights, case.w_bits, case.w_signed),
        "cycle_limit": _cycle_limit(case),
    }
    with tempfile.TemporaryDirectory(prefix="bitgrove-rtl-") as folder:
        work = Path(folder)
        (work / "job.json").write_text(json.dumps(job))
        log = work / "simulator.log"
        runner = get_runner("icarus")
        try:
            runner.build(
                sources=sorted(verilog.glob("*.v")),
                hdl_toplevel="machine",
                parameters=compile_parameters(case),
                build_args=["-g2005"],
                build_dir=work,
                timescale=("1ns", "1ns"),
                log_file=log,
            )
            runner.test(
                test_module="tests.rtl.cocotb_bench",
                hdl_toplevel="machine",
                build_dir=work,
                test_dir=work,
                extra_env={
                    "BITGROVE_RTL_JOB": str(work),
                    "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *filter(None, sys.path)]),
                },
                log_file=log,
            )
        except (Exception, SystemExit) as error:
            raise RtlFailure(f"{error}\n{_tail(log)}") from error
        if not (work / "result.json").exists():
            raise RtlFailure(f"the simulation gave no result\n{_tail(log)}")
        result = json.loads((work / "result.json").read_text())
    if result["misused"]:
        raise RtlFailure("a FIFO or a result register was pushed while full or popped while empty")
    return RtlRun(np.asarray(result["outputs"], dtype=np.int64), int(result["cycles"]))


def _tail(log: Path) -> str:
    return "\n".join(log.read_text().splitlines()[-20:]) if log.exists() else ""
