"""The project's engines as the RTL tests call them: a case in, cycles out."""

from __future__ import annotations

import numpy as np

from accel_sim import gemm, simulate
from accel_sim.reference import ArraySpec, run_reference
from tests.machines import buffers, machine
from tests.rtl.rtl_array import RtlCase

__all__ = ["fast_cycles", "reference_cycles"]


def fast_cycles(case: RtlCase) -> int:
    """Cycles of the fast engine: all of the product in SRAMs whose ports never stretch a beat."""
    array = {
        "rows": case.rows,
        "cols": case.cols,
        "lanes": case.lanes,
        "dataflow": case.dataflow,
        "arithmetic": case.arithmetic,
        "native_bits": 16,  # the Verilog multiplies in one pass
        "digit_bits": case.digit_bits,
        "encoding": case.encoding,
        "fifo_depth": case.fifo_depth,
        "fold_overlap": case.fold_overlap,
        "acc_bits": case.acc_bits,
    }
    memory = {**buffers(64, 64, 64), "unlimited_ports": True, "unlimited_capacity": True}
    work = gemm(
        case.m,
        case.n,
        case.k,
        case.a_bits,
        case.w_bits,
        a_signed=case.a_signed,
        w_signed=case.w_signed,
        activations=case.activations,
        weights=case.weights,
    )
    return simulate(work, machine(array=array, buffers=memory)).total.cycles.compute


def reference_cycles(case: RtlCase) -> int:
    """Cycles of the reference engine, whose outputs must be the product's."""
    spec = ArraySpec(
        rows=case.rows,
        cols=case.cols,
        lanes=case.lanes,
        dataflow=case.dataflow,
        arithmetic=case.arithmetic,
        native_bits=max(case.a_bits, case.w_bits),  # the Verilog multiplies in one pass
        digit_bits=case.digit_bits,
        encoding=case.encoding,
        fifo_depth=case.fifo_depth,
        fold_overlap=case.fold_overlap,
        acc_bits=case.acc_bits,
        a_bits=case.a_bits,
        w_bits=case.w_bits,
        a_signed=case.a_signed,
        w_signed=case.w_signed,
    )
    run = run_reference(case.activations, case.weights, spec)
    np.testing.assert_array_equal(run.outputs, case.activations @ case.weights)
    return run.cycles
