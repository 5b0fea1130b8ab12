"""The operands of one group as the kernels read them: cost bytes of what moves and rests, the places of each block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import fused_beat_cycles, step_lanes
from accel_sim.dynamic.bidirectional_kernel import minority_terms
from accel_sim.dynamic.pieces import Intake, cost_table, costs_of_terms, intakes, term_masks
from accel_sim.dynamic.slots_kernel import n_m_slots, packed_slots, skip_rows
from accel_sim.dynamic.structure_kernel import from_singles, from_slots
from accel_sim.hardware.schema import ArrayConfig, NmSparsity
from accel_sim.operand_checks import n_m_segment
from accel_sim.operands import LayerOperands
from accel_sim.workload import GemmLayer

__all__ = ["Block", "GroupOperands", "Recipe", "group_operands", "make_block", "make_recipe"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """What array and layer say about operands, worked out once.

    Attributes:
        own, other: intakes of the operand that enters at a line's edge (ws, is: the moving one) and of the other one.
        transposed: os in which columns, not rows, are the elastic lines.
        pairs: beats are maxima of products of terms.
        own_reach, other_reach: Pragmatic's window over the lanes, -1 = unlimited.
        lanes: lanes of a step, ``fused`` included.
        fixed_beat: factor on every beat (``fused`` with operands that take several steps).
        idle_beat: beat of a line without operands.
        gate_moving, gate_resting: whether a zero moving (os: activation) or resting (os: weight) operand gates.
        index_bits: bits stored and moved with every weight.
        nm: keep and of, or ``None``.
        segment: k per kernel position.
    """

    own: Intake
    other: Intake
    transposed: bool
    pairs: bool
    own_reach: int
    other_reach: int
    lanes: int
    fixed_beat: int
    idle_beat: int
    gate_moving: bool
    gate_resting: bool
    skip_waves: bool
    weight_sparsity: str
    index_bits: int
    nm: tuple[int, int] | None
    pack_limit: int
    segment: int

    @property
    def is_plain(self) -> bool:
        """Whether a beat is the largest look-up of its lanes and every multiplication is done in full."""
        return self.own_reach < 0 and self.done_in_full

    @property
    def constant_beats(self) -> bool:
        """Whether every beat takes ``idle_beat``."""
        return not (self.own.data_dependent or self.other.data_dependent)

    @property
    def done_in_full(self) -> bool:
        """Whether zeros are multiplied like any value."""
        return self.multiplies_all and self.weight_sparsity == "none"

    @property
    def multiplies_all(self) -> bool:
        """Whether zeros that are not left out by their weights are multiplied like any value."""
        return not (self.gate_moving or self.gate_resting or self.skip_waves)

    @property
    def same_in_all_blocks(self) -> bool:
        """Whether only ``own`` decides time: all column blocks (os, transposed: row folds) take the same."""
        return self.weight_sparsity in {"none", "gate"} and self.own_decides

    @property
    def own_decides(self) -> bool:
        """Whether column blocks that leave out the same k take the same time."""
        return not self.pairs and not self.other.data_dependent


def make_recipe(array: ArrayConfig, layer: GemmLayer) -> Recipe:
    """Work out the recipe of ``layer`` on ``array``."""
    act, weight = intakes(array, layer.a_bits, layer.w_bits, layer.a_signed, layer.w_signed)
    weights_own = array.dataflow == "is" or (array.dataflow == "os" and weight.serial and not act.serial)
    own, other = (weight, act) if weights_own else (act, weight)
    pairs = array.arithmetic == "term_serial_both"
    reach = -1 if array.term_window is None or pairs else array.term_window
    gate_act, gate_weight = array.activation_sparsity == "gate", array.weight_sparsity == "gate"
    sparsity = array.weight_sparsity
    nm = (sparsity.keep, sparsity.of) if isinstance(sparsity, NmSparsity) else None
    name = "n_m" if isinstance(sparsity, NmSparsity) else sparsity
    candidates = {"n_m": nm[1] if nm else 1, "pack_columns": array.pack_limit}.get(name, 1)
    fixed_beat = fused_beat_cycles(array, layer.a_bits, layer.w_bits)
    idle = [intake.constant if not intake.data_dependent else 1 for intake in (own, other)]
    return Recipe(
        own=own,
        other=other,
        transposed=weights_own and array.dataflow == "os",
        pairs=pairs,
        own_reach=reach if own.serial and own.terms else -1,
        other_reach=reach if other.serial and other.terms else -1,
        lanes=step_lanes(array, layer.a_bits, layer.w_bits),
        fixed_beat=fixed_beat,
        idle_beat=idle[0] * idle[1] * fixed_beat,
        gate_moving=gate_weight if array.dataflow == "is" else gate_act,
        gate_resting=gate_act if array.dataflow == "is" else gate_weight,
        skip_waves=array.activation_sparsity == "skip_waves",
        weight_sparsity=name,
        index_bits=(candidates - 1).bit_length(),
        nm=nm,
        pack_limit=array.pack_limit,
        segment=n_m_segment(layer),
    )


@dataclass(frozen=True, eq=False)
class GroupOperands:
    """One group: cost bytes (and term masks, 1×1 where no window reads them) of the moving matrix ``(steps or rows,
    k)`` and the resting one ``(k, columns)``, and the weights ``(k, n)`` whose zeros decide what is dropped.
    """

    moving: NDArray[np.uint8]
    moving_masks: NDArray[np.uint32]
    resting: NDArray[np.uint8]
    resting_masks: NDArray[np.uint32]
    weights: NDArray[np.integer]


def group_operands(recipe: Recipe, dataflow: str, operands: LayerOperands, group: int, tile_k: int) -> GroupOperands:
    """Look up the costs of one group's operands; K tiles begin every ``tile_k``."""
    moving_intake, resting_intake = (recipe.other, recipe.own) if recipe.transposed else (recipe.own, recipe.other)
    moving_reach, resting_reach = (
        (-1, recipe.own_reach) if recipe.transposed else (recipe.own_reach, recipe.other_reach)
    )
    take_moving, take_resting = operands.activations, operands.weights
    if dataflow == "is":
        take_moving, take_resting = take_resting, take_moving

    def matrix(take: Callable[..., Any], table: NDArray[Any]) -> Any:
        taken = take(group, table)
        return np.ascontiguousarray(taken.T if dataflow == "is" else taken)

    none = np.zeros((1, 1), np.uint32)
    weights = operands.weights(group)
    if resting_intake.bidirectional:
        resting_masks = minority_terms(np.ascontiguousarray(weights), recipe.lanes, tile_k)
        resting = costs_of_terms(resting_masks, weights)
    else:
        resting = matrix(take_resting, cost_table(resting_intake))
        resting_masks = none if resting_reach < 0 else matrix(take_resting, term_masks(resting_intake))
    return GroupOperands(
        moving=matrix(take_moving, cost_table(moving_intake)),
        moving_masks=none if moving_reach < 0 else matrix(take_moving, term_masks(moving_intake)),
        resting=resting,
        resting_masks=resting_masks,
        weights=weights,
    )


class Block(NamedTuple):
    """Places of one column block (:mod:`accel_sim.dynamic.structure_kernel`), and ``chosen (slots, cols)``."""

    ptr: Ints
    edge_k: Ints
    edge_all: Ints
    edge_nonzero: Ints
    edge_pair: Ints
    edge_work: Ints
    other: Ints
    slots: Ints
    chosen: Ints

    @property
    def slot_count(self) -> int:
        """Slots of all places."""
        return int(self.slots.sum())


def make_block(
    recipe: Recipe, operands: GroupOperands, dataflow: str, cols: tuple[int, int], ks: tuple[int, int]
) -> Block:
    """The places of columns ``cols`` (a range) for the k range ``ks``."""
    first, width = cols[0], cols[1] - cols[0]
    resting = (operands.resting, operands.resting_masks, first)
    lanes = (recipe.lanes, recipe.other_reach, recipe.gate_resting)
    if recipe.weight_sparsity in {"n_m", "pack_columns"}:
        part = np.ascontiguousarray(operands.weights[ks[0] : ks[1], cols[0] : cols[1]])
        if recipe.nm is not None:
            slot_ptr, candidates, chosen = n_m_slots(part, *recipe.nm, recipe.segment, ks[0])
        else:
            slot_ptr, candidates, chosen = packed_slots(part, recipe.pack_limit)
        chosen += ks[0]
        structure = from_slots(slot_ptr, candidates + ks[0], chosen, *resting, *lanes)
    else:
        kept = np.arange(ks[0], ks[1])
        if recipe.weight_sparsity == "skip_rows":
            columns = slice(None) if dataflow == "is" else slice(*cols)
            kept = skip_rows(np.ascontiguousarray(operands.weights[ks[0] : ks[1], columns])) + ks[0]
        structure = from_singles(kept, operands.resting, operands.resting_masks, first, width, *lanes)
        chosen = np.broadcast_to(kept[:, None], (len(kept), width))
    ptr, edge_k, edge_all, edge_nonzero, edge_pair, edge_work, other, slots = structure
    other = np.maximum(other, 1) * recipe.fixed_beat
    return Block(ptr, edge_k, edge_all, edge_nonzero, edge_pair, edge_work, other, slots, chosen)
