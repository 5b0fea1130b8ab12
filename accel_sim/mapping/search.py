"""The mapper: of the legal tilings of a layer, the one that is best for the objective.

Every candidate is estimated in one kernel call; the best few are then run exactly, time line and energy included;
from the best of these the search climbs over neighbouring candidates (ties: fewer tiles, then the smaller sizes).
Results are remembered by content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.actions import sharing
from accel_sim.array.beats import constant_beat_cycles, step_lanes
from accel_sim.array.ports import pace
from accel_sim.array.vectors import layer_vector, pace_vector
from accel_sim.energy.model import EnergyModel, layer_energy
from accel_sim.errors import MappingError
from accel_sim.hardware.schema import Hardware
from accel_sim.layer_run import Dependencies, LayerRun, lay_out, layer_actions
from accel_sim.machine import Machine
from accel_sim.mapping.candidates import Candidates, candidates
from accel_sim.mapping.footprints_kernel import footprints, new_spans
from accel_sim.mapping.layouts import forget_layouts, layouts_of
from accel_sim.mapping.search_kernel import EDP, ENERGY, LATENCY, estimate_all
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.memory.footprint_kernel import conv_vector
from accel_sim.schedule import ArrayWork, Packing
from accel_sim.timeline.kernel import run as run_timeline
from accel_sim.workload import ConvGeometry

__all__ = ["exact_rank", "find_tiling", "forget_mappings"]

_OBJECTIVE = {"energy": ENERGY, "latency": LATENCY, "edp": EDP}
_FINALISTS = 12
_CLIMBS = 2
_MANY_TILES = 1 << 17
_MOST_TILES = 1 << 22
_NO_SPANS = np.zeros((0, 4, 3), np.int64)
Rank = tuple[float, int, tuple[int, ...]]
"""Objective, number of tiles, sizes: smaller is better."""


def find_tiling(machine: Machine, work: ArrayWork) -> Tiling:
    """The best legal tiling of the work's array layer.

    Raises:
        MappingError: no tile fits the SRAMs; says which one is too small and what it would need.

    """
    solution = _solve(_ByContent(machine), work.anonymous())
    if solution.tiling is None:
        need_bits = tuple(np.array(solution.need_bits) * _sizes(work.packing))
        raise MappingError(_why_nothing_fits(machine, work.layer.name, need_bits))
    return solution.tiling


def forget_mappings() -> None:
    """Forget all that was found so far, as in a new process (to time a search)."""
    _solve.cache_clear()
    _footprints.cache_clear()
    _spans.cache_clear()
    forget_layouts()


class _ByContent:
    """A machine as a key: equal where the hardware is equal."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def __hash__(self) -> int:
        return hash(self.machine.content_hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByContent) and other.machine.content_hash == self.machine.content_hash


@dataclass(frozen=True)
class _Solution:
    """The best tiling; ``None`` with the least bits that each SRAM would have to hold where there is no legal one."""

    tiling: Tiling | None
    need_bits: tuple[float, ...]


@lru_cache(maxsize=65536)
def _solve(key: _ByContent, work: ArrayWork) -> _Solution:
    machine = key.machine
    options = [_estimates(machine, work, dim, _MANY_TILES) for dim in _array_dims(machine.hardware)]
    need_bits = tuple(float(bits) for bits in options[0].need_bits)
    ranked = _Ranked(machine, work)
    winners = [_climb(start, option, ranked) for option in options for start in _starts(option, ranked)]
    if not winners:
        # A huge layer in small buffers: the best estimate has to do, a single exact run takes seconds.
        options = [_estimates(machine, work, dim, _MOST_TILES) for dim in _array_dims(machine.hardware)]
        winners = [tiling for option in options for tiling in option.best(1)]
    return _Solution(min(winners, key=ranked, default=None) if len(winners) != 1 else winners[0], need_bits)


def _starts(option: _Estimates, rank: Callable[[Tiling], Rank]) -> list[Tiling]:
    """From where to climb: the best estimates, by their exact rank."""
    return sorted(option.best(_FINALISTS), key=rank)[:_CLIMBS]


class _Ranked:
    """Exact ranks of tilings, each worked out once."""

    def __init__(self, machine: Machine, work: ArrayWork) -> None:
        self._machine, self._work = machine, work
        self._layouts = layouts_of(machine, work)
        self._known: dict[Tiling, tuple[float, int]] = {}

    def __call__(self, tiling: Tiling) -> Rank:
        same = _first_of_its_like(self._work, tiling)
        if same not in self._known:
            self._known[same] = _score(self._machine, self._work, self._layouts.under(self._machine, same))
        return *self._known[same], _sizes_and_order(tiling)


def _first_of_its_like(work: ArrayWork, tiling: Tiling) -> Tiling:
    """The tiling with the first of the loop orders that visit the tiles alike; a loop of one turn may be anywhere."""
    layer = work.layer
    extents = {"m": (layer.m, tiling.tile_m), "n": (layer.n, tiling.tile_n), "k": (layer.k, tiling.tile_k)}
    loops = {name for name, (extent, size) in extents.items() if size < extent}
    order = _first_order(tiling.loop_order, frozenset(loops))
    return tiling if order == tiling.loop_order else replace(tiling, loop_order=order)


@cache
def _first_order(order: str, loops: frozenset[str]) -> str:
    turns = [name for name in order if name in loops]
    return next(other for other in LOOP_ORDERS if [name for name in other if name in loops] == turns)


def _climb(start: Tiling, option: _Estimates, rank: Callable[[Tiling], Rank]) -> Tiling:
    """Go to the best legal neighbour (one size up or down, or another loop order) as long as that is better."""
    best = start
    while True:
        neighbour = min(option.neighbours(best), key=rank, default=best)
        if rank(neighbour) >= rank(best):
            return best
        best = neighbour


def _array_dims(hardware: Hardware) -> tuple[str, ...]:
    if hardware.array.arrays == 1:
        return ("n",)
    return ("n", "m") if hardware.mapping.array_dim == "auto" else (hardware.mapping.array_dim,)


@dataclass(frozen=True)
class _Estimates:
    """Scores ``(g, m, n, k, loop order)`` of all candidates for one array dimension."""

    sizes: Candidates
    array_dim: str
    scores: NDArray[np.float64]
    need_bits: NDArray[np.float64]

    def best(self, count: int) -> list[Tiling]:
        """The ``count`` lowest finite scores, the lowest first; loop orders of equal score once."""
        flat = self.scores.reshape(-1)
        finite = int(np.isfinite(flat).sum())
        take = min(6 * count, finite)
        indices = np.argpartition(flat, take - 1)[:take] if 0 < take < flat.size else np.arange(flat.size)[:take]
        indices = indices[np.lexsort((indices, flat[indices]))]
        chosen: list[Tiling] = []
        seen: set[tuple[int, float]] = set()
        for index in indices:
            identity = (int(index) // len(LOOP_ORDERS), float(flat[index]))
            if identity not in seen and len(chosen) < count:
                seen.add(identity)
                chosen.append(self._tiling([int(i) for i in np.unravel_index(index, self.scores.shape)]))
        return chosen

    def neighbours(self, tiling: Tiling) -> list[Tiling]:
        """Legal candidates that differ in one size by one place, or in the loop order."""
        sizes = (self.sizes.g, self.sizes.m, self.sizes.n, self.sizes.k)
        own = (tiling.tile_g, tiling.tile_m, tiling.tile_n, tiling.tile_k)
        here = [int(np.searchsorted(s, size)) for s, size in zip(sizes, own, strict=True)]
        here.append(LOOP_ORDERS.index(tiling.loop_order))
        places = [[*here[:4], order] for order in range(len(LOOP_ORDERS)) if order != here[4]]
        for axis in range(4):
            steps = [place for place in (here[axis] - 1, here[axis] + 1) if 0 <= place < self.scores.shape[axis]]
            places += [[*here[:axis], place, *here[axis + 1 :]] for place in steps]
        return [self._tiling(place) for place in places if np.isfinite(self.scores[tuple(place)])]

    def _tiling(self, place: Sequence[int]) -> Tiling:
        g, m, n, k, order = place
        return Tiling(
            tile_m=int(self.sizes.m[m]),
            tile_n=int(self.sizes.n[n]),
            tile_k=int(self.sizes.k[k]),
            tile_g=int(self.sizes.g[g]),
            loop_order=LOOP_ORDERS[order],
            array_dim=self.array_dim,
        )


def _estimates(machine: Machine, work: ArrayWork, array_dim: str, most_tiles: int) -> _Estimates:
    hardware, layer = machine.hardware, work.layer
    sizes = candidates(hardware, layer)
    whole = Tiling(int(sizes.m[-1]), int(sizes.n[-1]), int(sizes.k[-1]), int(sizes.g[-1]), array_dim=array_dim)
    beat = constant_beat_cycles(hardware.array, layer.a_bits, layer.w_bits)
    packing = work.packing
    packed = (packing.activations_read, packing.weights_read)
    speed = pace(hardware, layer.a_bits, layer.w_bits, beat, sharing(hardware, whole), ideal=False, packed=packed)
    shape = (layer.m, layer.k, layer.conv)
    footprint_sums, footprint_most = _footprints(shape, tuple(sizes.m.tolist()), tuple(sizes.k.tolist()), most_tiles)
    scores, need_bits = estimate_all(
        layer_vector(work, step_lanes(hardware.array, layer.a_bits, layer.w_bits)),
        footprint_sums,
        footprint_most,
        machine.array_vector,
        pace_vector(speed),
        sizes.g,
        sizes.m,
        sizes.n,
        sizes.k,
        machine.half_bits / _sizes(packing),
        _prices(machine.energy, machine.hardware, packing),
        machine.dram.bytes_per_cycle,
        _OBJECTIVE[hardware.mapping.objective],
        array_dim == "n",
        most_tiles,
    )
    if hardware.mapping.loop_order is not None:
        fixed = LOOP_ORDERS.index(hardware.mapping.loop_order)
        others = [order for order in range(len(LOOP_ORDERS)) if order != fixed]
        scores[..., others] = np.inf
    return _Estimates(sizes, array_dim, scores, need_bits)


@lru_cache(maxsize=4096)
def _footprints(
    shape: tuple[int, int, ConvGeometry | None], sizes_m: tuple[int, ...], sizes_k: tuple[int, ...], most_tiles: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Input elements of all tiles, and of the largest, by M and K size; ``shape``: M, K and geometry of a layer."""
    m, k, conv = shape
    sizes = np.array(sizes_m, np.int64), np.array(sizes_k, np.int64)
    sums, most = footprints(m, k, conv_vector(conv), *sizes, most_tiles, _spans(m, conv, sizes_m))
    return sums, most


@lru_cache(maxsize=1024)
def _spans(m: int, conv: ConvGeometry | None, sizes_m: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: ARG001
    """What is known of a layer's row tiles, for all K sizes; ``m`` is part of the key."""
    spans: NDArray[np.float64] = new_spans(np.array(sizes_m, np.int64), conv_vector(conv))
    return spans


def _sizes(packing: Packing) -> NDArray[np.float64]:
    """What a tile takes in the activation, weight and output SRAM over its dense bits."""
    return np.array([packing.activations, packing.weights, 1.0])


def _prices(energy: EnergyModel, hardware: Hardware, packing: Packing) -> NDArray[np.float64]:
    """PJ per DRAM byte, per dense bit read and written at each SRAM, and per cycle of leakage."""
    buffers = hardware.buffers
    parts = (
        (energy.activations_sram, buffers.activations),
        (energy.weights_sram, buffers.weights),
        (energy.outputs_sram, buffers.outputs),
    )
    per_bit = [pj / buffer.word_bits for estimate, buffer in parts for pj in (estimate.read_pj, estimate.write_pj)]
    shares = [packing.activations_read, packing.activations, packing.weights_read, packing.weights, 1.0, 1.0]
    packed = [pj * share for pj, share in zip(per_bit, shares, strict=True)]
    return np.array([8 * energy.dram_pj_per_bit, *packed, energy.leakage_pj_per_cycle])


def exact_rank(machine: Machine, work: ArrayWork, tiling: Tiling) -> Rank:
    """The objective of one tiling as the simulation will find it for this layer alone, and what breaks ties."""
    run = lay_out(machine, work, tiling, Dependencies())
    return *_score(machine, work, run), _sizes_and_order(tiling)


def _sizes_and_order(tiling: Tiling) -> tuple[int, ...]:
    return tiling.tile_g, tiling.tile_m, tiling.tile_n, tiling.tile_k, LOOP_ORDERS.index(tiling.loop_order)


def _score(machine: Machine, work: ArrayWork, run: LayerRun) -> tuple[float, int]:
    """The objective, and the number of tiles."""
    compute_end, vector_end, _, store_end, *_ = run_timeline(
        run.tiles, machine.dram.params(), machine.dram.controller_arrays(), _NO_SPANS, machine.halves
    )
    cycles = int(max(compute_end[-1], vector_end[-1], store_end.max()))
    objective = machine.hardware.mapping.objective
    score = float(cycles)
    if objective != "latency":
        energy = layer_energy(layer_actions(machine, work, run, cycles), machine.energy).total
        score = energy if objective == "energy" else energy * cycles
    return score, len(run.tiles)


def _why_nothing_fits(machine: Machine, layer: str, need_bits: tuple[float, ...]) -> str:
    """One line: which SRAM holds no tile, and what it would take."""
    lines = []
    for index, name in enumerate(("activations", "weights", "outputs")):
        if need_bits[index] > machine.half_bits[index]:
            halves = int(machine.halves[index])
            needed = need_bits[index] * halves / 8192
            buffer = getattr(machine.hardware.buffers, name)
            lines.append(
                f"buffers.{name}.kib: holds {buffer.kib:g}; layer {layer} needs at least {needed:.4g} KiB"
                f" ({halves} × its smallest tile)"
            )
    if not lines:
        lines = [
            f"layer {layer}: no cut of at most {_MOST_TILES:,} tiles fits all buffers at once;"
            " enlarge buffers, or leave mapping.tile_* unset"
        ]
    return f"{machine.hardware.name}: " + "; ".join(lines)
