"""The reference engine: one layer on one array, every PE and every cycle, with the layer's real integers.

It moves registers and FIFOs and knows no formula of time. What it returns is what the machine did: the product, the
cycles and the actions. SRAM ports and DRAM are not in it, but for the stretch that a caller passes as :class:`Pace`.

Counts (:class:`~accel_sim.counts.ArrayCounts`), made concrete:

* ``macs``: one per lane that holds a real k, per PE and step. Gated: a zero operand on a side that gates. Skipped: k
  and steps that the folds leave out. Padding of lanes, rows and columns is in none.
* ``multiplier_cycles``, ``gated_cycles``: lanes of the running step in every cycle in which a PE takes pieces of it,
  also those in which the lane waits for its sync group; not the cycles in which the row waits for a neighbour or an
  SRAM.
* ``busy_cycles``: of the cycles of ``multiplier_cycles`` those in which the lane retires a term, or has digits of its
  own operands left (``precision: dynamic``).
* ``operand_hop_bits``: every real operand (all candidates of the edge) that enters a used PE; full width however its
  digits are cut up in time, nothing where it moves along its line term by term (the register of a term is the
  multiplier's); with its index where it is a weight that has one.
* ``psum_hop_bits``: ``acc_bits`` per PE of a used column and step that a sum leaves (ws, is; also the unused rows
  that it passes) or is held in (os).
* ``stationary_hop_bits``: real operands at every shift of a load (index included) and results at every shift of a
  drain, from PE to PE, and one for each copy into or out of a shadow.
* ``fifo_push_bits``: pushes between lines where ``fifo_depth > 1``, beside the hop into the PE.
* ``metadata_decodes``: per multiplication with ``n_m`` and ``pack_columns``; per packed k and fold (ws, is: column
  block) with ``skip_rows``; per step and fold that ``skip_waves`` looks at.
* ``pe_cycles``: ``rows · cols · cycles``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.counts import ArrayCounts
from accel_sim.errors import RunError, WorkloadError
from accel_sim.operand_checks import check_n_m, check_range
from accel_sim.reference import pe_kernel as pe
from accel_sim.reference.banks import FoldWaves
from accel_sim.reference.folds import Fold, FoldPlan, plan_folds
from accel_sim.reference.output_stationary_kernel import run_output_stationary
from accel_sim.reference.pe_kernel import Datapath
from accel_sim.reference.rigid_kernel import run_rigid
from accel_sim.reference.spec import ArraySpec
from accel_sim.reference.stationary_kernel import run_stationary
from accel_sim.reference.tables import (
    FoldTables,
    Pace,
    Structure,
    datapath,
    fold_tables,
    is_rigid,
    rigid_types,
    structure,
)
from accel_sim.reference.threads import run_parts
from accel_sim.result import MacCounts

__all__ = ["ReferenceRun", "plan_layer", "run_folds", "run_reference"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ReferenceRun:
    """What the array did.

    Attributes:
        outputs: ``(groups, m, n)``, or ``(m, n)`` for operands without groups; exact.
        cycles: from the first load (ws, is) or beat (os) to the last result; 0 where no fold runs.
        counts: actions.
        loads, streams, drains: ``(folds, 2)`` first cycle and first cycle after, in the order in which folds start;
            loads are of ws and is, drains of os, -1 where there is none.
        fold_end_cycles: ``(folds,)`` first cycle after a fold's last result.
    """

    outputs: Ints
    cycles: int
    counts: ArrayCounts
    loads: Ints
    streams: Ints
    drains: Ints

    @property
    def fold_end_cycles(self) -> Ints:
        """First cycle after each fold's last result has left the array."""
        return np.maximum(self.streams[:, 1], self.drains[:, 1])


def plan_layer(
    activations: NDArray[np.integer],
    weights: NDArray[np.integer],
    spec: ArraySpec,
    *,
    layer: str = "layer",
    segment: int | None = None,
) -> FoldPlan:
    """Check a layer's operands and lay them on the array.

    Args:
        activations: ``(groups, m, k)``; zeros may be the padding of a convolution.
        weights: ``(groups, k, n)``.
        layer: name for messages.
        segment: k per kernel position (input channels of a group), where N:M patterns restart; ``None``: k.

    Raises:
        WorkloadError: shapes that do not fit, an operand that does not fit its bits, weights that break the N:M
        pattern.
    """
    if activations.ndim != 3 or weights.ndim != 3 or activations.shape[::2] != weights.shape[:2]:
        raise WorkloadError(
            f"layer {layer}: activations {activations.shape} and weights {weights.shape}; "
            "allowed: (groups, m, k) and (groups, k, n)"
        )
    if 0 in activations.shape or 0 in weights.shape:
        raise WorkloadError(
            f"layer {layer}: activations {activations.shape}, weights {weights.shape}; no size may be 0"
        )
    check_range(activations, spec.a_bits, spec.a_signed, "activations", layer, may_pad=True)
    prunes = spec.weight_sparsity in {"skip_rows", "n_m", "pack_columns"}
    check_range(weights, spec.w_bits, spec.w_signed, "weights", layer, may_pad=prunes)
    segment = segment or activations.shape[2]
    if spec.weight_sparsity == "n_m":
        check_n_m(weights, spec.nm_keep, spec.nm_of, segment, layer)
    return plan_folds(activations.astype(np.int64), weights.astype(np.int64), spec, segment)


def run_folds(
    plan: FoldPlan,
    folds: Sequence[Fold],
    spec: ArraySpec,
    pace: Pace,
    outputs: Ints,
    waves: Sequence[FoldWaves] | None = None,
) -> ReferenceRun:
    """Run some of a plan's folds on one array and add their results to ``outputs``.

    Args:
        folds: the ones that this array gets, in their order; where several arrays share a layer, each has its own.
        outputs: ``(groups·m, n)``, for ``is`` the transpose of each group, ``(groups·n, m)``; changed in place.
        waves: of each fold, where the banks of the activation SRAM stretch steps and loads.

    Returns:
        The run; its ``counts`` leave out what the whole plan skips and decodes at the edges, so that arrays add up.
    """
    if not folds:
        none = np.full((0, 2), -1)
        return ReferenceRun(outputs, 0, ArrayCounts(), none, none, none)
    tables = fold_tables(plan, folds, spec, pace, waves)
    machine = structure(spec, plan.index_bits, len(tables.fold))
    path = datapath(spec, plan.decodes_per_step)
    if spec.dataflow == "os":
        cycles, counters, times = run_output_stationary(machine, path, tables, plan.moving, outputs)
    elif is_rigid(spec):
        cycles, counters, times = _run_rigid(machine, path, tables, plan.moving, outputs, spec)
    else:
        cycles, counters, times = run_stationary(machine, path, tables, plan.moving, outputs)
    if counters[pe.UNFINISHED]:
        raise RunError(f"{counters[pe.UNFINISHED]} PE steps ended before their operands were exhausted")
    absent = np.full((len(folds), 2), -1)
    first, second = times[:, :2], times[:, 2:]
    loads, streams, drains = (absent, first, second) if spec.dataflow == "os" else (first, second, absent)
    return ReferenceRun(outputs, int(cycles), _array_counts(counters, spec, int(cycles)), loads, streams, drains)


def _run_rigid(
    machine: Structure, path: Datapath, tables: FoldTables, moving: Ints, outputs: Ints, spec: ArraySpec
) -> tuple[int, Ints, Ints]:
    """Columns in as many parts as there are free cores; each part writes columns of its own."""
    columns = int(tables.cols.max())
    width = 32 if columns <= 32 else 64  # a row of a block is a few vector instructions; its plane fits the cache
    kinds = rigid_types(spec)

    def run_part(part: tuple[int, int]) -> tuple[int, Ints, Ints]:
        done: tuple[int, Ints, Ints] = run_rigid(machine, path, tables, moving, outputs, *kinds, width, *part)
        return done

    return run_parts(run_part, -(-columns // width))[0]


def run_reference(
    activations: NDArray[np.integer],
    weights: NDArray[np.integer],
    spec: ArraySpec,
    *,
    pace: Pace | None = None,
    layer: str = "layer",
    segment: int | None = None,
) -> ReferenceRun:
    """Run a whole layer on one array; groups follow one another.

    Args:
        activations: ``(m, k)`` or ``(groups, m, k)`` integers that fit ``spec.a_bits``.
        weights: ``(k, n)`` or ``(groups, k, n)`` integers that fit ``spec.w_bits``.
        pace: stretch by SRAM ports; default none.
        layer, segment: see :func:`plan_layer`.

    Raises:
        WorkloadError: see :func:`plan_layer`.

    >>> spec = ArraySpec(rows=2, cols=2, fold_overlap="none")
    >>> run = run_reference(np.array([[1, 2], [3, 4]]), np.array([[1, 0], [0, 1]]), spec)
    >>> run.outputs.tolist(), run.cycles
    ([[1, 2], [3, 4]], 6)
    """
    grouped = activations.ndim == 3
    a, w = (activations, weights) if grouped else (activations[None], weights[None])
    plan = plan_layer(a, w, spec, layer=layer, segment=segment)
    groups, m, k = a.shape
    n = w.shape[2]
    columns = m if spec.dataflow == "is" else n
    run = run_folds(plan, plan.folds, spec, pace or Pace(), np.zeros((len(plan.moving), columns), np.int64))
    outputs = run.outputs.reshape(groups, -1, columns)
    if spec.dataflow == "is":
        outputs = np.ascontiguousarray(outputs.transpose(0, 2, 1))
    macs = run.counts.macs
    counts = replace(
        run.counts,
        macs=MacCounts(groups * m * n * k, macs.effectual, macs.gated, plan.skipped),
        metadata_decodes=run.counts.metadata_decodes + plan.decodes,
    )
    return ReferenceRun(outputs if grouped else outputs[0], run.cycles, counts, run.loads, run.streams, run.drains)


def _array_counts(counters: Ints, spec: ArraySpec, cycles: int) -> ArrayCounts:
    effectual, gated = int(counters[pe.EFFECTUAL]), int(counters[pe.GATED])
    return ArrayCounts(
        macs=MacCounts(effectual + gated, effectual, gated, 0),
        multiplier_cycles=int(counters[pe.MULTIPLIER_CYCLES]),
        busy_cycles=int(counters[pe.MULTIPLIER_CYCLES if is_rigid(spec) else pe.BUSY_CYCLES]),
        gated_cycles=int(counters[pe.GATED_CYCLES]),
        additions=int(counters[pe.ADDITIONS]),
        operand_hop_bits=int(counters[pe.OPERAND_BITS]),
        psum_hop_bits=int(counters[pe.PSUM_BITS]),
        stationary_hop_bits=int(counters[pe.STATIONARY_BITS]),
        fifo_push_bits=int(counters[pe.FIFO_BITS]),
        metadata_decodes=int(counters[pe.DECODES]),
        pe_cycles=spec.rows * spec.cols * cycles,
    )
