"""Kernel: a trace of requests through the memory controllers of all channels."""

from __future__ import annotations

from accel_sim.jit import kernel
from accel_sim.memory.controller_kernel import enqueue, has_room, standby_until, tick
from accel_sim.memory.controller_layout import (
    BANKS, BURST_BYTES, CHANNELS, FIELD_BANK, FIELD_CHANNEL, FIELD_COLUMN, FIELD_GROUP, FIELD_RANK, FIELD_ROW, FOREVER,
    GROUPS, LAST_RETURN, MAP, NEXT, RANKS, READS_OPEN,
)  # fmt: skip

__all__ = ["locate", "run_trace"]

POSTED = 2
"""Clocks from the acceptance of a write to its answer."""


@kernel
def locate(p, address):
    """Channel, bank and row of an address, bytes; addresses beyond the memory start again at its beginning."""
    rest = address // p[BURST_BYTES]
    channel, rank, group, bank, row = 0, 0, 0, 0, 0
    for i in range(6):
        field, size = p[MAP + 2 * i], p[MAP + 2 * i + 1]
        if size & (size - 1) == 0:
            value = rest & (size - 1)
        else:
            value = rest % size
        rest //= size
        if field == FIELD_ROW:
            row = value
        elif field == FIELD_BANK:
            bank = value
        elif field == FIELD_GROUP:
            group = value
        elif field == FIELD_RANK:
            rank = value
        elif field == FIELD_CHANNEL:
            channel = value
    return channel, rank * p[BANKS] + group * (p[BANKS] // p[GROUPS]) + bank, row


@kernel
def run_trace(c, addresses, writes, cycles, per_clock):
    """Send requests in order, each not before its cycle, up to ``per_clock`` in a clock; returns the clocks it takes.

    It ends when all reads have come back and all writes are accepted; those may be in a queue still.
    """
    p = c.p
    channels, count = p[CHANNELS], len(addresses)
    sent, now, last_write, end = 0, 0, -1, FOREVER
    channel, bank, row = 0, 0, 0
    if count > 0:
        channel, bank, row = locate(p, addresses[0])
    for ch in range(channels):
        c.scalars[ch, NEXT] = 0
    while now < end:
        upcoming = FOREVER
        for ch in range(channels):
            if c.scalars[ch, NEXT] <= now:
                c.scalars[ch, NEXT] = tick(c, ch, now)
        accepted = 0
        while sent < count and accepted < per_clock and cycles[sent] <= now and has_room(c, channel, writes[sent]):
            enqueue(c, channel, bank, row, writes[sent], now + 1)
            c.scalars[channel, NEXT] = now + 1
            if writes[sent]:
                last_write = now
            sent += 1
            accepted += 1
            if sent < count:
                channel, bank, row = locate(p, addresses[sent])
        reads_open = 0
        for ch in range(channels):
            upcoming = min(upcoming, c.scalars[ch, NEXT])
            reads_open += c.scalars[ch, READS_OPEN]
        if sent < count:
            if cycles[sent] > now:
                upcoming = min(upcoming, cycles[sent])
            elif accepted == per_clock:
                upcoming = now + 1
        elif reads_open == 0:
            end = last_write + POSTED + 1 if last_write >= 0 else 0
            for ch in range(channels):
                end = max(end, c.scalars[ch, LAST_RETURN] + 1)
        now = max(now + 1, upcoming)
    for ch in range(channels):
        for rank in range(p[RANKS]):
            standby_until(c, ch, rank, end)
    return end
