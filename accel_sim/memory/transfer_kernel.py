"""Kernel: one transfer of a tile through the memory controllers, burst by burst.

A transfer is ``size`` bytes in runs of ``run`` bytes that begin ``stride`` bytes apart; a burst that a run only touches
is moved as a whole. The state ends where the last burst has been accepted, so that the next transfer's bursts follow
at once; when the transfer's own data are there is found out on a copy of the state that is run until it is empty.
"""

from __future__ import annotations

from accel_sim.jit import kernel
from accel_sim.memory.controller_kernel import tick
from accel_sim.memory.controller_layout import (
    ACTIVATES,
    BURST_BYTES,
    CHANNELS,
    COUNT,
    FOREVER,
    IN_ORDER,
    LAST_RETURN,
    LAST_WRITE,
    NEXT,
    QUEUED,
    READ_HITS,
    READS,
    READS_OPEN,
    REFRESHES,
    SCHEDULER,
    STRIDE,
    WRITE_HITS,
    WRITES,
    WRITES_KEPT,
)  # fmt: skip
from accel_sim.memory.queue_kernel import enqueue, has_room
from accel_sim.memory.trace_kernel import locate

__all__ = ["COUNTED", "add_counts", "finish", "transfer"]

COUNTED = 6
"""Of :func:`add_counts`: activations, row hits, row misses, refreshes, bursts read and written."""


@kernel
def transfer(p, s, scratch, at, base, size, run, stride, is_write, log):
    """Send a transfer's bursts from clock ``at`` on; returns the clock in which its last data have been moved.

    ``s``, ``scratch``: ``p[CHANNELS] · p[STRIDE]`` numbers and the clock that the state has come to. ``log``: room for
    address and clock of every burst, ``(bursts, 2)``; or empty.
    """
    sent = 0
    step, burst, end = p[STRIDE], p[BURST_BYTES], p[CHANNELS] * p[STRIDE]
    now, left, start = s[end], size, base
    stop = start + min(run, left)  # of the run
    address = start - start % burst
    channel, bank, row = locate(p, address)
    while left > 0:
        for c in range(0, end, step):
            if s[c + NEXT] <= now:
                s[c + NEXT] = tick(p, s, c, now)
        accepted = 0
        while left > 0 and accepted < p[CHANNELS] and now >= at:
            c = channel * step
            if not has_room(p, s, c, is_write):
                break
            enqueue(p, s, c, bank, row, is_write, now + 1)
            if log.size:
                log[sent, 0], log[sent, 1] = address, now
                sent += 1
            s[c + NEXT] = now + 1
            accepted += 1
            last = address
            address += burst
            while address >= stop and left > 0:  # a run whose bursts have all been moved with the one before is done
                left -= stop - start
                start += stride
                stop = start + min(run, left)
                address = max(start - start % burst, last + burst)
            if left > 0:
                channel, bank, row = locate(p, address)
        if left > 0:
            upcoming = now + 1 if accepted == p[CHANNELS] else FOREVER
            for c in range(0, end, step):
                upcoming = min(upcoming, s[c + NEXT])
            if now < at:
                upcoming = min(upcoming, at)
            now = max(now + 1, upcoming)
    s[end] = now
    for i in range(end + 1):
        scratch[i] = s[i]
    return finish(p, scratch, is_write)


@kernel
def finish(p, s, is_write):
    """Run until all reads, or all writes, have been moved; returns the clock after the last of them."""
    step, end = p[STRIDE], p[CHANNELS] * p[STRIDE]
    kept = p[WRITES_KEPT]
    p[WRITES_KEPT] = 0
    now = s[end]
    for c in range(0, end, step):
        s[c + NEXT] = now
    while _is_waited_for(p, s, end, step, is_write):
        upcoming = FOREVER
        for c in range(0, end, step):
            if s[c + NEXT] <= now:
                s[c + NEXT] = tick(p, s, c, now)
            upcoming = min(upcoming, s[c + NEXT])
        now = max(now + 1, upcoming)
    p[WRITES_KEPT] = kept
    s[end] = now
    last = 0
    for c in range(0, end, step):
        last = max(last, s[c + (LAST_WRITE if is_write else LAST_RETURN)])
    return last


@kernel
def _is_waited_for(p, s, end, step, is_write):
    for c in range(0, end, step):
        if is_write:
            kind = 0 if p[SCHEDULER] == IN_ORDER else 1
            if s[c + COUNT + kind] > 0 or s[c + QUEUED] > 0:
                return True
        elif s[c + READS_OPEN] > 0:
            return True
    return False


@kernel
def add_counts(p, s, total, before):
    """Add what has been counted since ``before`` to ``total``, both ``(COUNTED,)``, and note the new state there."""
    step, end = p[STRIDE], p[CHANNELS] * p[STRIDE]
    activates, hits, columns, refreshes, reads, writes = 0, 0, 0, 0, 0, 0
    for c in range(0, end, step):
        activates += s[c + ACTIVATES]
        hits += s[c + READ_HITS] + s[c + WRITE_HITS]
        reads += s[c + READS]
        writes += s[c + WRITES]
        refreshes += s[c + REFRESHES]
    columns = reads + writes
    for i, value in enumerate((activates, hits, columns - hits, refreshes, reads, writes)):
        total[i] += value - before[i]
        before[i] = value
