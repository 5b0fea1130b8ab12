"""The machine's definition, sections 3 to 6, transcribed into plain Python: what the reference engine must do.

Nothing here comes from the package but the record of fields. Names follow the page: ``b`` beats, ``f`` ends of steps
(ws, is), ``s`` starts of steps (os). Where the page leaves something open, the engine's documented decision is restated
as a formula.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from accel_sim.reference import ArraySpec, Pace
from tests.unit.reference.page_beats import Beats, fused, gated, group_beats, index_bits, minority_positions, slots_of
from tests.unit.reference.page_times import PageFold, Prediction, os_times, ws_times


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
