"""The machine's definition, sections 3 to 6, transcribed into plain Python: what the reference engine must do.

Nothing here comes from the package but the record of fields. Names follow the page: ``b`` beats, ``f`` ends of steps
(ws, is), ``s`` starts of steps (os). Where the page leaves something open, the engine's documented decision is restated
as a formula.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from accel_sim.reference import ArraySpec, Pace

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


# ---------------------------------------------------------------- folds with their beats


@dataclass
class PageFold:
    r: int
    c: int
    T: int
    b: list[list[int]]  # [line][t]
    stretch: int


@dataclass
class Prediction:
    cycles: int = 0
    loads: list = field(default_factory=list)
    streams: list = field(default_factory=list)
    drains: list = field(default_factory=list)
    counts: dict = field(default_factory=lambda: defaultdict(int))


def predict(a: np.ndarray, w: np.ndarray, spec: ArraySpec, pace: Pace, segment: int) -> Prediction:
    """Cycles and counts of ``groups`` products."""
    p = Prediction()
    folds: list[PageFold] = []
    for g in range(len(a)):
        folds += (os_folds if spec.dataflow == "os" else ws_folds)(a[g], w[g], spec, pace, segment, p.counts)
    if folds:
        (os_times if spec.dataflow == "os" else ws_times)(folds, spec, pace, p)
    p.counts["pe_cycles"] = spec.rows * spec.cols * p.cycles
    return p


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


def ws_operands(a, w, rows, edges, cols, t, is_, r):
    """a_sets, w_sets and pairs of the PEs of row ``r`` at time ``t`` (m for ws, n for is)."""
    if is_:
        pairs = [(int(a[c, ks[0]]), int(w[ks[0], t])) for _, ks in rows[r] for c in cols]
        return [[int(a[c, ks[0]]) for _, ks in rows[r]] for c in cols], [[int(w[k, t]) for k in edges[r]]], pairs
    pairs = [(int(a[t, ks[i]]), int(w[ks[i], c])) for _, ks in rows[r] for i, c in enumerate(cols)]
    w_sets = [[int(w[ks[i], c]) for _, ks in rows[r]] for i, c in enumerate(cols)]
    return [[int(a[t, k]) for k in edges[r]]], w_sets, pairs


def os_operands(a, w, step, edge, rows, cols, transposed, line):
    """a_sets, w_sets and pairs of the PEs of a row (``transposed``: a column) at one step."""
    w_sets = [[int(w[ks[i], col]) for _, ks in step] for i, col in enumerate(cols)]
    if transposed:
        pairs = [(int(a[m, ks[line]]), int(w[ks[line], cols[line]])) for _, ks in step for m in rows]
        return [], [w_sets[line]], pairs
    m = rows[line]
    pairs = [(int(a[m, ks[i]]), int(w[ks[i], col])) for _, ks in step for i, col in enumerate(cols)]
    return [[int(a[m, k]) for k in edge]], w_sets, pairs


def ws_folds(a, w, spec, pace, segment, counts):
    is_, beats = spec.dataflow == "is", Beats(spec)
    lanes = spec.lanes * (fused(spec)[0] if spec.arithmetic == "fused" else 1)
    depth = spec.rows * lanes
    steps = w.shape[1] if is_ else a.shape[0]
    extent = a.shape[0] if is_ else w.shape[1]
    k_all = a.shape[1]
    moving_bits, resting_bits = (spec.w_bits, spec.a_bits) if is_ else (spec.a_bits, spec.w_bits + index_bits(spec))
    shadow = spec.fold_overlap != "none"
    folds = []
    for c0 in range(0, extent, spec.cols):
        cols = range(c0, min(c0 + spec.cols, extent))
        slots = slots_of(w if is_ else w[:, cols.start : cols.stop], spec, segment)
        counts["skipped"] += steps * len(cols) * (k_all - len(slots))
        counts["metadata_decodes"] += len(slots) if spec.weight_sparsity == "skip_rows" else 0
        for k0 in range(0, len(slots), depth):
            part = slots[k0 : k0 + depth]
            rows = [part[i : i + lanes] for i in range(0, len(part), lanes)]
            edges = [sorted({k for ks, _ in row for k in ks}) for row in rows]
            waves = list(range(steps))
            if spec.activation_sparsity == "skip_waves":
                counts["metadata_decodes"] += steps
                waves = [t for t in waves if any(a[t, k] for edge in edges for k in edge)]
                counts["skipped"] += (steps - len(waves)) * len(part) * len(cols)
            if not waves:
                continue
            total_lines = len(rows) if spec.edge_folds == "used" else spec.rows
            b = [[] for _ in range(total_lines)]
            for t in waves:
                operands = partial(ws_operands, a, w, rows, edges, cols, t, is_)
                column = group_beats(spec, beats, len(rows), total_lines, operands)
                for line in range(total_lines):
                    b[line].append(column[line])
                for r in range(len(rows)):
                    for x, y in operands(r)[2]:
                        kind = "gated" if gated(spec, x, y) else "effectual"
                        counts[kind] += 1
                        counts["gated_cycles" if kind == "gated" else "multiplier_cycles"] += column[r]
                        counts["busy_cycles"] += beats.of_one(x, y) if kind == "effectual" else 0
                        counts["additions"] += 1
                        if spec.weight_sparsity in ("n_m", "pack_columns"):
                            counts["metadata_decodes"] += 1
            T, c = len(waves), len(cols)
            moves_as_terms = spec.arithmetic in ("term_serial_both", f"term_serial_{'weight' if is_ else 'act'}")
            hop = moving_bits * (not moves_as_terms)
            counts["operand_hop_bits"] += T * sum(map(len, edges)) * hop * c
            counts["psum_hop_bits"] += T * total_lines * c * spec.acc_bits
            top = spec.rows - len(rows) if spec.edge_folds == "used" else 0
            for r, row in enumerate(rows):
                counts["stationary_hop_bits"] += (top + r + 1 + shadow) * len(row) * c * resting_bits
            if spec.fifo_depth > 1:
                counts["fifo_push_bits"] += T * (total_lines - 1) * c * spec.acc_bits
            stretch = pace.later_beat_cycles if k0 else pace.beat_cycles
            folds.append(PageFold(len(rows), c, T, b, stretch))
    return folds


def os_folds(a, w, spec, pace, segment, counts):
    beats = Beats(spec)
    lanes = spec.lanes * (fused(spec)[0] if spec.arithmetic == "fused" else 1)
    folds = []
    for c0 in range(0, w.shape[1], spec.cols):
        cols = range(c0, min(c0 + spec.cols, w.shape[1]))
        slots = slots_of(w[:, c0 : cols.stop], spec, segment)
        all_steps = [slots[i : i + lanes] for i in range(0, len(slots), lanes)]
        for r0 in range(0, len(a), spec.rows):
            rows = range(r0, min(r0 + spec.rows, len(a)))
            counts["skipped"] += len(rows) * len(cols) * (a.shape[1] - len(slots))
            if not slots:
                continue
            counts["metadata_decodes"] += len(slots) if spec.weight_sparsity == "skip_rows" else 0
            steps = all_steps
            edges_of = lambda step: sorted({k for ks, _ in step for k in ks})  # noqa: E731
            if spec.activation_sparsity == "skip_waves":
                counts["metadata_decodes"] += len(steps)
                steps = [s for s in steps if a[r0 : rows.stop][:, edges_of(s)].any()]
                dropped = sum(map(len, all_steps)) - sum(map(len, steps))
                counts["skipped"] += dropped * len(rows) * len(cols)
            if not steps:
                continue
            used_lines = len(cols) if spec.transposed else len(rows)
            total_lines = spec.cols if spec.transposed else spec.rows
            if spec.edge_folds == "used":
                total_lines = used_lines
            b = [[] for _ in range(total_lines)]
            r, c = len(rows), len(cols)
            for step in steps:
                edge = edges_of(step)
                operands = partial(os_operands, a, w, step, edge, rows, cols, spec.transposed)
                column = group_beats(spec, beats, used_lines, total_lines, operands)
                for line in range(total_lines):
                    b[line].append(column[line])
                for line in range(used_lines):
                    _, w_sets, pairs = operands(line)
                    shared = spec.encoding == "bidirectional"
                    terms = [len(p) for p in minority_positions(w_sets[0]) for _ in rows] if shared else None
                    for i, (x, y) in enumerate(pairs):
                        kind = "gated" if gated(spec, x, y) else "effectual"
                        counts[kind] += 1
                        counts["gated_cycles" if kind == "gated" else "multiplier_cycles"] += column[line]
                        busy = terms[i] if terms else beats.of_one(x, y)
                        counts["busy_cycles"] += busy if kind == "effectual" else 0
                        counts["additions"] += 1
                        if spec.weight_sparsity in ("n_m", "pack_columns"):
                            counts["metadata_decodes"] += 1
                a_hop, w_hop = len(edge) * spec.a_bits, len(step) * (spec.w_bits + index_bits(spec))
                a_moves = 0 if spec.arithmetic in ("term_serial_act", "term_serial_both") else a_hop
                w_terms = spec.arithmetic == "term_serial_weight"  # the index moves beside the terms
                w_moves = len(step) * index_bits(spec) if w_terms else w_hop
                counts["operand_hop_bits"] += r * c * (a_moves + w_moves)
                if spec.fifo_depth > 1:
                    counts["fifo_push_bits"] += r * (c - 1) * a_hop if spec.transposed else c * (r - 1) * w_hop
            counts["psum_hop_bits"] += len(steps) * r * c * spec.acc_bits
            if spec.os_drain:
                height = r if spec.edge_folds == "used" else spec.rows
                shadow = spec.fold_overlap != "none"
                counts["stationary_hop_bits"] += sum(height - 1 - x + shadow for x in range(r)) * c * spec.acc_bits
            folds.append(PageFold(r, c, len(steps), b, pace.beat_cycles))
    return folds


# ---------------------------------------------------------------- sections 4 and 5: ws, is


def ws_times(folds: list[PageFold], spec: ArraySpec, pace: Pace, p: Prediction) -> None:
    R, D, row_cycles = spec.rows, spec.fifo_depth, pace.load_row_cycles
    used, full = spec.edge_folds == "used", spec.fold_overlap == "full"
    last_end = [-1] * R  # f of the row's last step so far
    pushes, pops = defaultdict(list), defaultdict(list)  # of the FIFO below a row; a pop of row r+1 frees an entry
    load_end = R * row_cycles
    p.loads.append((0, load_end))
    before_last: list[int] = []
    free = [load_end] * R  # cycle in which a row copies its shadow
    for i, fold in enumerate(folds):
        first = R - fold.r if used else 0
        before = list(last_end)
        if i and not full:
            end, start = p.streams[-1][1], p.streams[-1][0]
            load_start = end if spec.fold_overlap == "none" else start
            p.loads.append((load_start, load_start + R * row_cycles))
            begin = max(end, p.loads[-1][1])
        elif i:
            x = None
            for r in range(R):  # the chain: shift r fills row r, which must have been copied
                x = (max(load_end, free[0]) + row_cycles - 1) if r == 0 else max(x + row_cycles, free[r])
            new_end = x + 1
            if row_cycles == 1 and not used:  # the page's own formula
                page = max([load_end] + ([before_last[r] + 1 - r for r in range(R)] if i > 1 else []))
                assert new_end == page + R
            load_end = new_end
            p.loads.append((load_end - R * row_cycles, load_end))
            begin = load_end
        else:
            begin = load_end
        f_start = [max(before[r], begin - 1) if full else begin - 1 for r in range(R)]
        f = [[f_start[r]] for r in range(R)]
        for t in range(fold.T):
            for r in range(first, R):
                end = f[r][-1] + max(fold.b[r - first][t], fold.stretch)
                if r > first:
                    end = max(end, f[r - 1][-1] + 1)
                if r < R - 1:
                    n = len(pushes[r])
                    if n >= D:
                        end = max(end, pops[r][n - D])
                    pushes[r].append(end)
                if r > first:
                    pops[r - 1].append(end)
                f[r].append(end)
        free = [max(before[r] + 1, begin) if r >= first else 0 for r in range(R)]
        last_end = [f[r][-1] if r >= first else last_end[r] for r in range(R)]
        width = fold.c if used else spec.cols
        p.streams.append((min(f_start[first:]) + 1, f[R - 1][-1] + 1 + width - 1))
        before_last = before  # when load i + 2 is computed, f_i is the fold before the last
    p.cycles = max(end for _, end in p.streams)


# ---------------------------------------------------------------- sections 4 and 5: os


def os_times(folds: list[PageFold], spec: ArraySpec, pace: Pace, p: Prediction) -> None:
    D, row_cycles = spec.fifo_depth, pace.drain_row_cycles if spec.os_drain else 0
    used, overlap, transposed = spec.edge_folds == "used", spec.fold_overlap, spec.transposed
    lines_all = spec.cols if transposed else spec.rows
    pushes, pops = defaultdict(list), defaultdict(list)
    row_free = [0] * lines_all  # first cycle in which the line is free
    hold = [0] * lines_all  # earliest end of the line's next fold: its shadow is then empty
    drained = [0] * (spec.cols if transposed else 1)  # end of the column's last drain, in the frame of place 0
    begin = 0
    for i, fold in enumerate(folds):
        lines = (fold.c if transposed else fold.r) if used else lines_all
        across = (fold.r if transposed else fold.c) if used else (spec.rows if transposed else spec.cols)
        height = fold.r if used else spec.rows
        if overlap != "full":
            row_free = [begin] * lines_all
        s = [[] for _ in range(lines)]
        free = list(row_free)
        for t in range(fold.T):
            for r in range(lines):
                start = free[r]
                if r:
                    start = max(start, s[r - 1][t] + 1)
                if r < lines - 1:
                    n = len(pushes[r])
                    if n >= D:
                        start = max(start, pops[r][n - D])
                    pushes[r].append(start)
                if r:
                    pops[r - 1].append(start)
                s[r].append(start)
                free[r] = start + max(fold.b[r][t], fold.stretch)
        if overlap == "full" and spec.os_drain:
            free = [max(free[r], hold[r]) if r < lines else free[r] for r in range(lines_all)]
        row_free = free
        ends = free[:lines]
        stream_end = max(ends) + across - 1
        p.streams.append((s[0][0], stream_end))
        if not spec.os_drain:
            p.drains.append((-1, -1))
            begin = stream_end
            continue
        length = height * row_cycles
        if overlap == "none":
            p.drains.append((stream_end, stream_end + length))
            begin = stream_end + length
        elif overlap == "preload":
            start = max(stream_end, p.drains[-1][1] if i else 0)
            p.drains.append((start, start + length))
            begin = start
        elif transposed:
            starts = [max(ends[c] + height - 1, drained[c]) for c in range(lines)]
            for c in range(lines):
                drained[c] = starts[c] + length
                hold[c] = starts[c] + length - (height - 1)
            p.drains.append((min(starts), max(starts) + length))
        else:
            start = max(*ends, drained[0])
            drained[0] = start + length
            for r in range(lines):
                hold[r] = start + (r + 1) * row_cycles
            p.drains.append((start, start + length + across - 1))
    p.cycles = max(max(pair[1] for pair in p.streams), max(pair[1] for pair in p.drains))
