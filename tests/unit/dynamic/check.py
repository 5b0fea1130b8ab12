"""One case through both engines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from accel_sim.array.beats import counts_depend_on_data
from accel_sim.layer_run import Dependencies, LayerRun, lay_out, time_with_data
from accel_sim.machine import Machine, build_machine
from accel_sim.operand_checks import check_operands
from accel_sim.operands import LayerOperands, layer_operands
from accel_sim.reference.layer import run_layer
from accel_sim.schedule import ArrayWork
from accel_sim.timeline import kernel as timeline
from tests.unit.dynamic.cases import Case

__all__ = ["check_case"]

CYCLES = {"back to back": timeline.BACK_TO_BACK, "ideal": timeline.IDEAL, "from idle": timeline.FROM_IDLE}


def check_case(case: Case) -> None:
    """Cycles of every tile, every count, SRAM traffic; outputs against NumPy; multiplications are conserved."""
    built, layer = build_machine(case.hardware), case.layer
    check_operands(layer, case.hardware.array)
    work = ArrayWork(layer, layer.output_elements, 0, layer.output_elements)
    operands = layer_operands(layer, seed=0)
    reference = run_layer(built, work, case.tiling, Dependencies(), operands)
    fast = _fast(built, work, case, operands)
    expected = np.stack([operands.activations(g).astype(np.int64) @ layer.weights[g] for g in range(layer.groups)])
    assert np.array_equal(reference.outputs, expected), case
    for name, column in CYCLES.items():
        found, wanted = fast.tiles[:, column].tolist(), reference.run.tiles[:, column].tolist()
        assert found == wanted, f"{name}: fast {found}, reference {wanted}\n{case}"
    assert np.array_equal(fast.tiles, reference.run.tiles), case
    _compare(asdict(fast.array), asdict(reference.run.array), case)
    _compare(asdict(fast.edges), asdict(reference.run.edges), case)
    macs = reference.run.array.macs
    assert macs.total == layer.macs == macs.effectual + macs.gated + macs.skipped, case


def _fast(built: Machine, work: ArrayWork, case: Case, operands: LayerOperands) -> LayerRun:
    run = lay_out(built, work, case.tiling, Dependencies())
    return time_with_data(built, work, run, operands) if counts_depend_on_data(case.hardware.array) else run


def _compare(fast: dict[str, Any], reference: dict[str, Any], case: Case) -> None:
    differ = {name: (fast[name], reference[name]) for name in reference if fast[name] != reference[name]}
    assert not differ, f"(fast, reference): {differ}\n{case}"
