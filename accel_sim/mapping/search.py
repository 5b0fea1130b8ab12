"""The mapper: of the legal tilings of a layer, the one that is best for the objective.

One kernel call gives what every candidate costs at least. From the lowest bound on, candidates are then run, time line
and energy included, until the next bound says that no other can be better (ties: fewer tiles, then the smaller sizes).
With the cycle-level DRAM they are run on the bursts that the layout makes of their transfers, and where cycles alone
decide, the best few go through the memory controllers. Results are remembered by content.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.actions import sharing
from accel_sim.array.beats import constant_beat_cycles, step_lanes
from accel_sim.array.ports import pace
from accel_sim.array.vectors import layer_vector, pace_vector
from accel_sim.errors import MappingError
from accel_sim.hardware.schema import Hardware
from accel_sim.machine import Machine
from accel_sim.mapping.candidates import Candidates, candidates
from accel_sim.mapping.footprints_kernel import footprints, new_spans
from accel_sim.mapping.layouts import forget_layouts
from accel_sim.mapping.prices import price_vector, word_bits
from accel_sim.mapping.ranks import Rank, Ranks, sizes_and_order
from accel_sim.mapping.search_kernel import EDP, ENERGY, LATENCY, lower_bounds
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.memory.footprint_kernel import conv_vector
from accel_sim.schedule import ArrayWork, Packing
from accel_sim.workload import ConvGeometry, GemmLayer

__all__ = ["find_tiling", "forget_mappings"]

_OBJECTIVE = {"energy": ENERGY, "latency": LATENCY, "edp": EDP}
_MOST_RUNS, _MOST_EFFORT = 64, 1 << 20
"""Candidates that are run, and their tiles and transfers: after as many the best of them has to do."""
_FINALISTS, _MOST_BURSTS = 8, 1 << 19
"""Candidates that go through the memory controllers at most, where these decide, and their bursts."""
_AT_ONCE = 16
_ROUNDED = 1 - 1e-12
"""Bounds add up in another order than what they bound."""
_MANY_TILES = 1 << 17
_MOST_TILES = 1 << 22


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
    dims = _array_dims(machine.hardware)
    options = [_bounds(machine, work, dim, _MANY_TILES) for dim in dims]
    need_bits = tuple(float(bits) for bits in options[0].need_bits)
    best = _best(_ascending(options), Ranks(machine, work), machine.hardware.mapping.objective)
    if best is None:
        # A huge layer in small buffers: the lowest bound has to do, a single exact run takes seconds.
        options = [_bounds(machine, work, dim, _MOST_TILES) for dim in dims]
        best = next((tiling for _, tiling in _ascending(options)), None)
    return _Solution(best, need_bits)


def _best(candidates: Iterable[tuple[Rank, Tiling]], ranks: Ranks, objective: str) -> Tiling | None:
    """The tiling of the smallest rank, from candidates with what their ranks are at least, ascending."""
    if ranks.estimates_are_exact or objective == "energy":
        # Bursts decide energy: what rows and refreshes add is the leakage of a few cycles.
        return next((tiling for _, tiling in _lowest(candidates, ranks, 1)), None)
    finalists = _lowest(candidates, ranks, _FINALISTS)
    best, found = finalists[0][1] if finalists else None, None
    bursts = 0
    for estimate, tiling in finalists:
        bursts += ranks.bursts(tiling)
        if bursts > _MOST_BURSTS or (found is not None and estimate >= found):
            break
        own = ranks.exact(tiling)
        if found is None or own < found:
            best, found = tiling, own
    return best


def _lowest(candidates: Iterable[tuple[Rank, Tiling]], ranks: Ranks, count: int) -> list[tuple[Rank, Tiling]]:
    """The ``count`` of the smallest estimates, ascending."""
    kept: list[tuple[Rank, Tiling]] = []
    for runs, (bound, tiling) in enumerate(candidates):
        if len(kept) == count and bound >= kept[-1][0]:
            break
        if kept and (runs >= _MOST_RUNS or ranks.effort >= _MOST_EFFORT):
            break
        own = ranks.estimate(tiling)
        insort(kept, (own, tiling), key=itemgetter(0))
        del kept[count:]
    return kept


def _array_dims(hardware: Hardware) -> tuple[str, ...]:
    if hardware.array.arrays == 1:
        return ("n",)
    return ("n", "m") if hardware.mapping.array_dim == "auto" else (hardware.mapping.array_dim,)


@dataclass(frozen=True)
class _Bounds:
    """What all candidates for one array dimension cost at least, ``(g, m, n, k, loop order)``."""

    sizes: Candidates
    array_dim: str
    values: NDArray[np.float64]
    need_bits: NDArray[np.float64]
    layer: GemmLayer

    def ascending(self) -> Iterator[tuple[Rank, Tiling]]:
        """The legal ones with the least that their ranks can be, ascending."""
        flat = self.values.reshape(-1)
        legal = np.flatnonzero(np.isfinite(flat))
        done, take = 0, _AT_ONCE
        while done < legal.size:
            # The lowest `take`, and those as low as the last of them: their order needs the number of their tiles.
            if take < legal.size:
                limit = np.partition(flat[legal], take - 1)[take - 1]
                chosen = legal[flat[legal] <= limit]
            else:
                chosen = legal
            tiles = self._tiles(chosen)
            order = np.lexsort((chosen, tiles, flat[chosen]))[done:]
            for place in order:
                tiling = self._tiling(np.unravel_index(chosen[place], self.values.shape))
                bound = float(flat[chosen[place]]) * _ROUNDED
                yield (bound, int(tiles[place]), sizes_and_order(tiling)), tiling
            done, take = chosen.size, 8 * take

    def _tiles(self, flat: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of tiles."""
        g, m, n, k, _ = np.unravel_index(flat, self.values.shape)
        sizes, layer = self.sizes, self.layer
        tiles = -(-layer.groups // sizes.g[g]) * -(-layer.m // sizes.m[m])
        return np.asarray(tiles * -(-layer.n // sizes.n[n]) * -(-layer.k // sizes.k[k]))

    def _tiling(self, place: Sequence[np.integer]) -> Tiling:
        g, m, n, k, order = place
        return Tiling(
            tile_m=int(self.sizes.m[m]),
            tile_n=int(self.sizes.n[n]),
            tile_k=int(self.sizes.k[k]),
            tile_g=int(self.sizes.g[g]),
            loop_order=LOOP_ORDERS[order],
            array_dim=self.array_dim,
        )


def _ascending(options: Sequence[_Bounds]) -> Iterator[tuple[Rank, Tiling]]:
    return merge(*(option.ascending() for option in options), key=lambda found: found[0])


def _bounds(machine: Machine, work: ArrayWork, array_dim: str, most_tiles: int) -> _Bounds:
    hardware, layer, packing = machine.hardware, work.layer, work.packing
    sizes = candidates(hardware, layer)
    whole = Tiling(int(sizes.m[-1]), int(sizes.n[-1]), int(sizes.k[-1]), int(sizes.g[-1]), array_dim=array_dim)
    beat = constant_beat_cycles(hardware.array, layer.a_bits, layer.w_bits)
    packed = (packing.activations_read, packing.weights_read)
    speed = pace(hardware, layer.a_bits, layer.w_bits, beat, sharing(hardware, whole), ideal=False, packed=packed)
    shape = (layer.m, layer.k, layer.conv)
    fixed = hardware.mapping.loop_order
    values, need_bits = lower_bounds(
        layer_vector(work, step_lanes(hardware.array, layer.a_bits, layer.w_bits)),
        _footprints(shape, tuple(sizes.m.tolist()), tuple(sizes.k.tolist()), most_tiles),
        machine.array_vector,
        pace_vector(speed),
        (sizes.g, sizes.m, sizes.n, sizes.k),
        machine.half_bits / _sizes(packing),
        word_bits(machine),
        (packing.activations, packing.weights),
        price_vector(machine, work),
        (machine.dram.bytes_per_cycle, machine.dram.latency_cycles),
        _OBJECTIVE[hardware.mapping.objective],
        array_dim == "n",
        most_tiles,
        -1 if fixed is None else LOOP_ORDERS.index(fixed),
    )
    return _Bounds(sizes, array_dim, values, need_bits, layer)


@lru_cache(maxsize=4096)
def _footprints(
    shape: tuple[int, int, ConvGeometry | None], sizes_m: tuple[int, ...], sizes_k: tuple[int, ...], most_tiles: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Input elements of all tiles, of the largest and of the first, by M and K size; ``shape``: M, K and geometry of a
    layer.
    """
    m, k, conv = shape
    sizes = np.array(sizes_m, np.int64), np.array(sizes_k, np.int64)
    sums, most, first = footprints(m, k, conv_vector(conv), *sizes, most_tiles, _spans(m, conv, sizes_m))
    return sums, most, first


@lru_cache(maxsize=1024)
def _spans(m: int, conv: ConvGeometry | None, sizes_m: tuple[int, ...]) -> NDArray[np.float64]:  # noqa: ARG001
    """What is known of a layer's row tiles, for all K sizes; ``m`` is part of the key."""
    spans: NDArray[np.float64] = new_spans(np.array(sizes_m, np.int64), conv_vector(conv))
    return spans


def _sizes(packing: Packing) -> NDArray[np.float64]:
    """What a tile takes in the activation, weight and output SRAM over its dense bits."""
    return np.array([packing.activations, packing.weights, 1.0])


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
