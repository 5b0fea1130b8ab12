"""Logic that exploits values: detectors and term encoders at the array's edge, operand selectors, decoders, flags.

What is counted, from a layer's actions:

- A detector (``precision: dynamic``; zero flags of ``gate``) works once per operand that enters the array: the bits
  read from its SRAM.
- A term encoder at the edge works in every cycle in which its operand has a term left: the bits read times the layer's
  mean terms (busy cycles of multipliers over multiplications; where both operands are serial, pairs of terms, which for
  the slower one is an upper bound). A canonical signed-digit recoder adds once per operand that enters; so do the
  counters of ones that find a bit column's majority, a full adder per bit.
- A zero flag is clocked along with every moving operand that gates.
- ``n_m`` and ``pack_columns``: per multiplication an index is decoded (it is among the metadata decodes) and picks one
  of the candidate activations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accel_sim.energy.gates import NOTHING, Cost, Values, adder, clog2, detector, encoder, register, selector
from accel_sim.hardware.schema import NmSparsity

if TYPE_CHECKING:
    from accel_sim.counts import LayerActions
    from accel_sim.hardware.schema import ArrayConfig

__all__ = [
    "SparsityPrices",
    "candidates",
    "edge_prices_pj_per_bit",
    "edge_um2",
    "index_bits",
    "lane_operand_bits",
    "pe_selection_um2",
    "serial_operands",
    "sparsity_pj",
    "sparsity_prices",
]

_SERIAL = {"act": "a", "weight": "w", "both": "aw"}
MOVING = {"ws": "a", "is": "w", "os": "aw"}
"""Operands that move from PE to PE while a fold streams."""


@dataclass(frozen=True)
class EdgePrices:
    """One operand at its edge: pJ per bit that enters, per bit and term, and whether a recoder adds."""

    enter_pj_per_bit: float
    term_pj_per_bit: float
    recodes: bool


@dataclass(frozen=True)
class SparsityPrices:
    """Prices of one machine's sparsity logic.

    Attributes:
        decode_pj: per decoded index or mask.
        select_pj_per_bit: per multiplication and bit of its activation.
        flag_pj: per multiplication, zero flags clocked along.
        activations, weights: at their edges.
        recode_pj: an addition for a recoder, by operand width; entry 0 unused.

    """

    decode_pj: float
    select_pj_per_bit: float
    flag_pj: float
    activations: EdgePrices
    weights: EdgePrices
    recode_pj: tuple[float, ...]


def serial_operands(array: ArrayConfig) -> str:
    """``a``, ``w``, both or none: operands that a PE takes digit by digit or term by term."""
    return _SERIAL.get(array.arithmetic.rpartition("serial_")[2], "")


def candidates(array: ArrayConfig) -> int:
    """Activations that a lane chooses from."""
    sparsity = array.weight_sparsity
    if isinstance(sparsity, NmSparsity):
        return sparsity.of
    return array.pack_limit if sparsity == "pack_columns" else 1


def index_bits(array: ArrayConfig) -> int:
    """Bits of the index that a lane keeps with its weight."""
    return clog2(candidates(array))


def lane_operand_bits(array: ArrayConfig) -> int:
    """Bits of one operand of a lane: ``native_bits``; a fusion unit takes 2 bits for each of its bricks."""
    return 2 * array.bricks if array.arithmetic == "fused" else array.native_bits


def sparsity_prices(values: Values, array: ArrayConfig, max_bits: int) -> SparsityPrices:
    """Work out the prices of one machine."""
    gates = _gates(array)
    return SparsityPrices(
        decode_pj=values["metadata_decode_pj"],
        select_pj_per_bit=selector(values, 1, candidates(array)).pj,
        flag_pj=register(values, 1).pj * len(set(gates) & set(MOVING[array.dataflow])),
        activations=_edge_prices(values, array, "a"),
        weights=_edge_prices(values, array, "w"),
        recode_pj=(0.0, *(adder(values, bits).pj for bits in range(1, max_bits + 1))),
    )


def _gates(array: ArrayConfig) -> str:
    sparsities = (("a", array.activation_sparsity), ("w", array.weight_sparsity))
    return "".join(operand for operand, sparsity in sparsities if sparsity == "gate")


def _detects(array: ArrayConfig, operand: str) -> bool:
    dynamic = array.precision == "dynamic" and (array.arithmetic == "parallel" or operand in serial_operands(array))
    return dynamic or operand in _gates(array)


def _takes_terms(array: ArrayConfig, operand: str) -> bool:
    return array.arithmetic.startswith("term_serial") and operand in serial_operands(array)


def _encodes_at_edge(array: ArrayConfig, operand: str) -> bool:
    held = "w" if array.dataflow == "os" and serial_operands(array) == "aw" else ""  # whole, for all terms of the other
    return _takes_terms(array, operand) and operand in MOVING[array.dataflow] and operand != held


def _recodes(array: ArrayConfig, operand: str) -> bool:
    return array.encoding in {"csd", "bidirectional"} and _takes_terms(array, operand)


def _edge_prices(values: Values, array: ArrayConfig, operand: str) -> EdgePrices:
    return EdgePrices(
        enter_pj_per_bit=detector(values, 1).pj if _detects(array, operand) else 0.0,
        term_pj_per_bit=encoder(values, 1).pj if _encodes_at_edge(array, operand) else 0.0,
        recodes=_recodes(array, operand),
    )


def sparsity_pj(actions: LayerActions, prices: SparsityPrices) -> float:
    """Energy of a layer's sparsity logic, pJ."""
    array = actions.array
    multiplications = array.additions
    mean_terms = array.busy_cycles / max(1, multiplications)
    a_bits_entered, w_bits_entered = actions.sram.activations.read_bytes * 8, actions.sram.weights.read_bytes * 8
    return (
        array.metadata_decodes * prices.decode_pj
        + multiplications * (prices.flag_pj + actions.a_bits * prices.select_pj_per_bit)
        + _edge_pj(a_bits_entered, actions.a_bits, mean_terms, prices.activations, prices)
        + _edge_pj(w_bits_entered, actions.w_bits, mean_terms, prices.weights, prices)
    )


def _edge_pj(entered_bits: float, width: int, mean_terms: float, edge: EdgePrices, prices: SparsityPrices) -> float:
    return entered_bits * edge_prices_pj_per_bit(prices, edge, width, mean_terms)


def edge_prices_pj_per_bit(prices: SparsityPrices, edge: EdgePrices, width: int, mean_terms: float) -> float:
    """What detectors, encoders and recoders take per bit of an operand of ``width`` bits that enters."""
    recode_pj_per_bit = prices.recode_pj[width] / width if edge.recodes else 0.0
    return edge.enter_pj_per_bit + mean_terms * edge.term_pj_per_bit + recode_pj_per_bit


def edge_um2(values: Values, array: ArrayConfig) -> float:
    """Area of the detectors, encoders and recoders at the edges of one array, µm²."""
    lines = {"ws": (array.rows, array.cols), "is": (array.cols, array.rows), "os": (array.rows, array.cols)}
    a_lines, w_lines = lines[array.dataflow]
    a_edge_lanes = array.lanes * candidates(array) // _kept(array)
    bits = lane_operand_bits(array)
    a_edge = _edge_operand(values, array, "a", bits) * (a_lines * a_edge_lanes)
    return (a_edge + _edge_operand(values, array, "w", bits) * (w_lines * array.lanes)).um2


def _kept(array: ArrayConfig) -> int:
    return array.weight_sparsity.keep if isinstance(array.weight_sparsity, NmSparsity) else 1


def _edge_operand(values: Values, array: ArrayConfig, operand: str, bits: int) -> Cost:
    cost = detector(values, bits) if _detects(array, operand) else NOTHING
    cost += encoder(values, bits) if _encodes_at_edge(array, operand) else NOTHING
    return cost + (adder(values, bits) if _recodes(array, operand) else NOTHING)


def pe_selection_um2(values: Values, array: ArrayConfig) -> float:
    """Area of a PE's index registers, operand selectors and zero flags, µm²."""
    lane = register(values, index_bits(array) + len(_gates(array)))
    return (lane + selector(values, lane_operand_bits(array), candidates(array))).um2 * array.lanes
