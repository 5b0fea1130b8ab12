"""Kernel: ws and is with beats that depend on values, by the recurrence of section 4 on every row and step.

    f[r][t] = max( f[r][t-1] + b[r][t],  f[r-1][t] + 1,  f[r+1][t-D] )

The K folds of one column block run in order. Each gets its own recurrence, from -1 in every row (``none``,
``preload``), or they are one sequence that carries its state on (``full``; the state is that of
:mod:`accel_sim.array.stationary_chain_kernel`).
"""

from __future__ import annotations

import numpy as np

from accel_sim.array.stationary_chain_kernel import begin_fold, chained_step, end_fold
from accel_sim.dynamic.elastic_kernel import larger
from accel_sim.dynamic.operand_sums_kernel import EFFECTUAL, GATED, GATED_CYCLES, MULTIPLIER_CYCLES, WORK
from accel_sim.dynamic.structure_kernel import NONZERO, PIECES, window_cycles
from accel_sim.jit import kernel

__all__ = ["constant_streams", "run_block"]

_STEPS = 256  # steps whose beats are worked out at once: they stay in the cache


@kernel
def _issued_steps(steps, t, t1, cost, first, last, edge_k, skip_waves):
    """Fill ``steps`` with the next steps of ``t .. t1-1`` that are issued; returns their number and the step after."""
    count = 0
    while t < t1 and count < steps.size:
        issued = not skip_waves
        for e in range(first, last):
            if issued:
                break
            issued = cost[t, edge_k[e]] & NONZERO != 0
        if issued:
            steps[count] = t
            count += 1
        t += 1
    return count, t


@kernel
def _take_pieces(beats, steps, cost, ptr, edge_k, factor, lo, used):
    """What the moving operands make of the beats ``(steps, lines)`` of a fold whose places begin at ``lo``.

    The most pieces of each place's lanes, each times its ``factor``.
    """
    first = ptr[lo]
    one_each = ptr[lo + used] - first == used
    for i in range(steps.size):
        values, beat = cost[steps[i]], beats[i]
        if one_each:
            for line in range(used):
                pieces = np.int32(values[edge_k[first + line]] & np.uint8(PIECES))
                beat[line] = max(np.int32(1), np.int32(pieces * factor[first + line]))
            continue
        e = first
        for line in range(used):
            most = np.int32(1)
            last = ptr[lo + line + 1]
            while e < last:
                pieces = np.int32(values[edge_k[e]] & np.uint8(PIECES))
                most = max(most, np.int32(pieces * factor[e]))
                e += 1
            beat[line] = most


@kernel
def _take_windows(beats, steps, masks, ptr, edge_k, reach, lo, used):
    """The same where the lanes of a PE retire their terms within a window."""
    scratch = np.empty(max(1, edge_k.size), np.uint32)
    for i in range(steps.size):
        for line in range(used):
            first, last = ptr[lo + line], ptr[lo + line + 1]
            for e in range(first, last):
                scratch[e - first] = masks[steps[i], edge_k[e]]
            beats[i, line] = max(1, window_cycles(scratch, last - first, reach))


@kernel
def _synchronise(beats, count, used, lines, group):
    """Give all lines of a sync group its longest beat; groups count from the first line, the last has unused ones."""
    for i in range(count):
        for start in range(0, used, group):
            longest = np.int32(1)
            for line in range(start, min(used, start + group)):
                longest = max(longest, beats[i, line])
            for line in range(start, min(lines, start + group)):
                beats[i, line] = longest


@kernel
def _times_resting(beats, count, other, lo, used, lines, group, pairs, idle_beat):
    """Multiply by what the resting operands of each sync group take; lines of no group take ``idle_beat``."""
    rest = np.ones(lines, np.int32)
    if not pairs:  # else the factors hold it
        for line in range(lines):
            start = line // group * group
            for place in range(lo + start, lo + min(used, start + group)):
                rest[line] = max(rest[line], np.int32(other[place]))
    grouped = min(lines, -(-used // group) * group)
    for i in range(count):
        for line in range(grouped):
            beats[i, line] *= rest[line]
        for line in range(grouped, lines):
            beats[i, line] = idle_beat


@kernel
def _per_place(ptr, of_edges):
    """Sums of the edges' values over each place."""
    sums = np.zeros(ptr.size - 1, np.int64)
    for place in range(sums.size):
        sums[place] = of_edges[ptr[place] : ptr[place + 1]].sum()
    return sums


@kernel
def _count(sums, beats, steps, every, ungated, lo, hi):
    """Multiplications of these steps and the multipliers' cycles, where no moving operand gates.

    ``every``, ``ungated``: lanes of all columns of each place, and those of them whose resting operand does not gate.
    """
    cycles, effectual_cycles = np.int64(0), np.int64(0)
    for i in range(steps.size):
        beat = beats[i]
        for place in range(lo, hi):
            cycles += np.int64(beat[place - lo]) * every[place]
            effectual_cycles += np.int64(beat[place - lo]) * ungated[place]
    effectual = steps.size * ungated[lo:hi].sum()
    sums[EFFECTUAL] += effectual
    sums[GATED] += steps.size * every[lo:hi].sum() - effectual
    sums[MULTIPLIER_CYCLES] += effectual_cycles
    sums[GATED_CYCLES] += cycles - effectual_cycles


@kernel
def _count_gated(sums, beats, steps, cost, ptr, edge_k, every, ungated, lo, hi):
    """The same where zeros among the moving operands gate, too; ``ungated`` is that of each edge entry."""
    effectual, effectual_cycles, cycles = np.int64(0), np.int64(0), np.int64(0)
    for i in range(steps.size):
        values = cost[steps[i]]
        for place in range(lo, hi):
            done = np.int64(0)
            for e in range(ptr[place], ptr[place + 1]):
                done += ungated[e] * np.int64(values[edge_k[e]] >> np.uint8(7))  # the bit of NONZERO
            beat = np.int64(beats[i, place - lo])
            effectual += done
            effectual_cycles += beat * done
            cycles += beat * every[place]
    sums[EFFECTUAL] += effectual
    sums[GATED] += steps.size * every[lo:hi].sum() - effectual
    sums[MULTIPLIER_CYCLES] += effectual_cycles
    sums[GATED_CYCLES] += cycles - effectual_cycles


@kernel
def _count_work(sums, steps, cost, ptr, edge_k, edge_work, gate_moving, lo, hi):
    """Pieces that the multipliers work on in these steps."""
    total = np.int64(0)
    for i in range(steps.size):
        values = cost[steps[i]]
        for e in range(ptr[lo], ptr[hi]):
            value = values[edge_k[e]]
            if not gate_moving or value & np.uint8(NONZERO):
                total += np.int64(value & np.uint8(PIECES)) * edge_work[e]
    sums[WORK] += total


@kernel
def _advance(f, beats, first, count, lines, shortest):
    """Steps ``first .. count-1`` of ``beats`` with plain registers (D = 1) below the rows."""
    for i in range(first, count):
        beat, least = beats[i], shortest[i]
        above = np.int64(-1)
        for line in range(lines - 1):  # the row below ended the step before: its register is free
            own = larger(f[line] + larger(np.int64(beat[line]), least), f[line + 1])
            above = larger(own, above + 1)
            f[line] = above
        f[lines - 1] = larger(f[lines - 1] + larger(np.int64(beat[lines - 1]), least), above + 1)


@kernel
def _advance_deep(f, beats, count, lines, shortest, history, done):
    """The first ``count`` steps of ``beats`` with FIFOs: ``history`` holds the ends of the last D of ``done`` steps,
    -1 where none was.
    """
    depth = history.shape[0]
    for i in range(count):
        beat, before, least = beats[i], history[(done + i) % depth], shortest[i]
        above = np.int64(-1)
        for line in range(lines):
            own = f[line] + larger(np.int64(beat[line]), least)
            if line < lines - 1:
                own = larger(own, before[line + 1])
            above = larger(own, above + 1)
            f[line] = above
            before[line] = above


@kernel
def _advance_chained(f, beats, count, lines, shortest, chain, rows, depth, done):
    """The first ``count`` steps of ``beats`` of a fold in the wake of the one before, after ``done`` steps of it."""
    _, _, pops, pushed, popped, _ = chain
    beat = np.empty(lines, np.int64)
    for i in range(count):
        if depth == 1 and done + i > 0:  # from the second step on, what is below is this fold's own
            _advance(f, beats, i, count, lines, shortest)
            for r in range(rows - lines, rows - 1):
                pops[r, 0] = f[r + 1 - rows + lines]
                pushed[r] += count - i
                popped[r] += count - i
            break
        for line in range(lines):
            beat[line] = max(np.int64(beats[i, line]), shortest[i])
        chained_step(f, beat, chain, lines, rows, depth)


@kernel
def run_block(
    cost, masks, t0, t1, ptr, edge_k, edge_all, edge_nonzero, edge_pair, edge_work, other,
    rows, used_edges, group, depth, pairs, reach, gate_moving, gate_resting, skip_waves, idle_beat,
    stretch, waves, wave_words, loads, later_k, chained, chains, cols, sums,
):  # fmt: skip
    """Run the K folds of one column block over time steps ``t0 .. t1-1``.

    ``cost (steps, k)``: cost bytes of the moving operand, ``masks`` its terms (read where ``reach`` is 0 or more);
    the places are those of :mod:`accel_sim.dynamic.structure_kernel`. ``stretch (sequences, 2)``: the shortest beat of
    the first K fold and of later ones, for each sequence of folds that is timed; ``waves (sequences, folds, steps)``:
    that of every step besides, or empty; ``wave_words (folds, steps)``: words that it reads, or empty;
    ``loads (sequences, folds)``: cycles per row of a load; ``chains`` likewise. Adds to ``sums`` and returns the
    streaming cycles ``(sequences, folds)`` up to the first column's end, the steps of every fold (0 and 0 where none is
    issued), and the words that all of them read.
    """
    places, sequences = ptr.size - 1, stretch.shape[0]
    folds = -(-places // rows)
    streams, issued = np.zeros((sequences, folds), np.int64), np.zeros(folds, np.int64)
    beats = np.empty((min(_STEPS, t1 - t0), rows), np.int32)
    steps, shortest = np.empty(beats.shape[0], np.int64), np.empty(beats.shape[0], np.int64)
    f = np.empty((sequences, rows), np.int64)
    history = np.zeros((sequences, min(depth, t1 - t0), rows), np.int64)
    ungated = edge_nonzero if gate_resting else edge_all
    every, ungated_of_place = _per_place(ptr, edge_all), _per_place(ptr, ungated)
    factor = np.ones(edge_k.size, np.int32)
    if pairs:
        factor[:] = edge_pair
    words = np.int64(0)
    for fold in range(folds):
        lo, hi = fold * rows, min(places, (fold + 1) * rows)
        lines = hi - lo if used_edges else rows
        t, done = t0, 0
        while True:
            count, t = _issued_steps(steps, t, t1, cost, ptr[lo], ptr[hi], edge_k, skip_waves)
            if count == 0:
                break
            now = steps[:count]
            used = hi - lo
            if reach >= 0:
                _take_windows(beats, now, masks, ptr, edge_k, reach, lo, used)
            else:
                _take_pieces(beats, now, cost, ptr, edge_k, factor, lo, used)
            if group > 1:
                _synchronise(beats, count, used, lines, group)
            _times_resting(beats, count, other, lo, used, lines, group, pairs, idle_beat)
            if gate_moving:
                _count_gated(sums, beats, now, cost, ptr, edge_k, every, ungated, lo, hi)
            else:
                _count(sums, beats, now, every, ungated_of_place, lo, hi)
            if skip_waves:  # else the caller knows: all steps are issued
                _count_work(sums, now, cost, ptr, edge_k, edge_work, gate_moving, lo, hi)
            if wave_words.size:
                for j in range(count):
                    words += wave_words[fold, now[j] - t0]
            for i in range(sequences):
                shortest[:count] = stretch[i, 1 if later_k or fold else 0]
                if waves.size:
                    for j in range(count):
                        shortest[j] = larger(shortest[j], np.int64(waves[i, fold, now[j] - t0]))
                if done == 0:
                    f[i] = -1
                    history[i] = -1
                    if chained:
                        begin = begin_fold(chains[i], rows - lines, rows, loads[i, fold])
                        for line in range(lines):
                            f[i, line] = max(chains[i][0][rows - lines + line], begin - 1)
                if chained:
                    _advance_chained(f[i], beats, count, lines, shortest, chains[i], rows, depth, done)
                elif depth == 1:
                    _advance(f[i], beats, 0, count, lines, shortest)
                else:
                    _advance_deep(f[i], beats, count, lines, shortest, history[i], done)
            done += count
        issued[fold] = done
        for i in range(sequences):
            if done:
                streams[i, fold] = f[i, lines - 1] + 1
                if chained:
                    end_fold(chains[i], f[i], lines, rows, cols)
    return streams, issued, words


@kernel
def constant_streams(places, rows, used_edges, steps, beat, stretch, waves, later_k):
    """The streams of :func:`run_block` where every beat takes ``beat`` cycles and folds run by themselves."""
    sequences = stretch.shape[0]
    folds = -(-places // rows)
    streams = np.empty((sequences, folds), np.int64)
    for fold in range(folds):
        lines = min(rows, places - fold * rows) if used_edges else rows
        for i in range(sequences):
            shortest = max(beat, stretch[i, 1 if later_k or fold else 0])
            streams[i, fold] = steps * shortest + lines - 1
            if waves.size:
                for wave in waves[i, fold]:
                    streams[i, fold] += max(0, wave - shortest)
    return streams
