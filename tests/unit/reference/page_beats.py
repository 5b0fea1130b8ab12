"""The page's sections 3 and 6: how long a step takes, and what remains of k (see :mod:`tests.unit.reference.page`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accel_sim.reference import ArraySpec

# ---------------------------------------------------------------- section 3: beats


def positions(value: int, encoding: str) -> list[int]:
    """Bit positions of the effectual terms."""
    if encoding == "bits":
        return [i for i in range(20) if abs(value) >> i & 1]
    found, v, i = [], abs(value), 0
    while v:
        if v & 1:
            found.append(i)
            v -= 2 - (v & 3)
        v >>= 1
        i += 1
    return found


def minority_positions(lanes: list[int]) -> list[list[int]]:
    """Columns of a PE's weights, in two's complement of the widest, in which each lane differs from most lanes."""
    width = max(shortest_width(lanes, 99, signed=True), 1)
    found: list[list[int]] = [[] for _ in lanes]
    for i in range(width):
        column = [v >> i & 1 for v in lanes]
        most = 1 if sum(column) > len(lanes) / 2 else 0
        for lane, bit in enumerate(column):
            if bit != most:
                found[lane].append(i)
    return found


def window_cycles(lanes: list[list[int]], reach: int | None) -> int:
    """Cycles of one PE whose lanes retire their terms under ``term_window`` (``None``: unlimited)."""
    if reach is None:
        return max(1, *map(len, lanes))
    left, cycles = [list(lane) for lane in lanes], 0
    while any(left):
        lowest = min(lane[0] for lane in left if lane)
        left = [lane[1:] if lane and lane[0] < lowest + 2**reach else lane for lane in left]
        cycles += 1
    return max(1, cycles)


def shortest_width(values: list[int], bits: int, signed: bool) -> int:
    if signed and bits == 1:
        return 1
    if signed:
        return max([1] + [(v if v >= 0 else ~v).bit_length() + 1 for v in values])
    return max([1] + [v.bit_length() for v in values])


@dataclass
class Beats:
    """b of one line and step from the operands of its sync group: a list per PE set of lanes."""

    spec: ArraySpec

    def digits(self, bits: int) -> int:
        return math.ceil(bits / (self.spec.native_bits if self.spec.arithmetic == "parallel" else self.spec.digit_bits))

    def constant(self) -> int:
        spec, kind = self.spec, self.spec.arithmetic
        a, w = self.digits(spec.a_bits), self.digits(spec.w_bits)
        if kind == "fused":
            return fused(spec)[1]
        return {"parallel": a * w, "serial_act": a, "serial_weight": w, "serial_both": a * w}[kind]

    @property
    def data_dependent(self) -> bool:
        return self.spec.precision == "dynamic" or self.spec.arithmetic.startswith("term")

    def of_group(self, a_sets, w_sets, pairs) -> int:
        """``a_sets``, ``w_sets``: the lanes' values of each PE of the group; ``pairs``: (a, w) of each lane."""
        spec, kind = self.spec, self.spec.arithmetic
        if spec.encoding == "bidirectional":
            return max([1] + [len({i for lane in minority_positions(s) for i in lane}) for s in w_sets])
        if kind in ("term_serial_act", "term_serial_weight"):
            sets = a_sets if kind == "term_serial_act" else w_sets
            return max(
                [1] + [window_cycles([positions(v, spec.encoding) for v in s], spec.term_window) for s in sets if s]
            )
        if kind == "term_serial_both":
            return max([1] + [len(positions(a, spec.encoding)) * len(positions(w, spec.encoding)) for a, w in pairs])
        a = self.digits(shortest_width([v for s in a_sets for v in s], spec.a_bits, spec.a_signed))
        w = self.digits(shortest_width([v for s in w_sets for v in s], spec.w_bits, spec.w_signed))
        return {"parallel": a * w, "serial_act": a, "serial_weight": w, "serial_both": a * w}[kind]

    def of_one(self, a: int, w: int) -> int:
        """Cycles that one multiplication would need by itself: what its lane is busy for."""
        spec, kind = self.spec, self.spec.arithmetic
        if not self.data_dependent:
            return self.constant()
        terms = {"a": len(positions(a, spec.encoding)), "w": len(positions(w, spec.encoding))}
        if kind.startswith("term"):
            serial = {"act": "a", "weight": "w", "both": "aw"}[kind.rpartition("_")[2]]
            return math.prod(terms[operand] for operand in serial)
        return self.of_group([[a]], [[w]], [(a, w)])


def fused(spec: ArraySpec) -> tuple[int, int]:
    """(factor of the lanes, b)."""
    share = spec.bricks / (math.ceil(spec.a_bits / 2) * math.ceil(spec.w_bits / 2))
    power = math.floor(math.log2(share))
    return (2**power, 1) if power >= 0 else (1, 2**-power)


# ---------------------------------------------------------------- section 6: what remains of k


def slots_of(w: np.ndarray, spec: ArraySpec, segment: int) -> list[tuple[list[int], list[int]]]:
    """Per slot: the candidates that the edge carries, and the k that each column multiplies."""
    k_all, columns = range(w.shape[0]), range(w.shape[1])
    if spec.weight_sparsity == "skip_rows":
        return [([k], [k for _ in columns]) for k in k_all if w[k].any()]
    if spec.weight_sparsity == "n_m":
        slots = []
        for start in range(0, len(w), segment):
            for first in range(start, min(start + segment, len(w)), spec.nm_of):
                group = list(range(first, min(first + spec.nm_of, start + segment, len(w))))
                kept = []
                for c in columns:
                    full = [k for k in group if w[k, c]]
                    empty = [k for k in group if not w[k, c]]
                    kept.append(sorted((full + empty)[: min(spec.nm_keep, len(group))]))
                slots += [(group, [kept[c][i] for c in columns]) for i in range(min(spec.nm_keep, len(group)))]
        return slots
    if spec.weight_sparsity == "pack_columns":
        rows: list[list[int]] = []
        for k in sorted(k_all, key=lambda k: (-np.count_nonzero(w[k]), k)):
            for row in rows:
                if len(row) < spec.pack_limit and all(np.count_nonzero(w[[*row, k], c]) <= 1 for c in columns):
                    row.append(k)
                    break
            else:
                rows.append([k])
        return [(row, [next((k for k in row if w[k, c]), row[0]) for c in columns]) for row in rows]
    return [([k], [k for _ in columns]) for k in k_all]


def gated(spec: ArraySpec, x: int, y: int) -> bool:
    return (spec.activation_sparsity == "gate" and x == 0) or (spec.weight_sparsity == "gate" and y == 0)


def group_beats(spec, beats, lines, total_lines, operands_of):
    """b of every line at one step; ``operands_of(line)`` gives its a_sets, w_sets, pairs."""
    if not beats.data_dependent:
        return [beats.constant()] * total_lines
    size = spec.sync_cols if spec.transposed else spec.sync_rows
    result = []
    for first in range(0, total_lines, size):
        members = range(first, min(first + size, total_lines))
        a_sets, w_sets, pairs = [], [], []
        for line in members:
            if line < lines:
                for total, part in zip((a_sets, w_sets, pairs), operands_of(line), strict=True):
                    total += part
        result += [beats.of_group(a_sets, w_sets, pairs)] * len(members)
    return result


def index_bits(spec: ArraySpec) -> int:
    size = {"n_m": spec.nm_of, "pack_columns": spec.pack_limit}.get(spec.weight_sparsity, 1)
    return math.ceil(math.log2(size))
