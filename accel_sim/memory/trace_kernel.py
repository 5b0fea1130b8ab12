"""Kernel: a trace of requests through the memory controllers of all channels."""

from __future__ import annotations

from accel_sim.jit import kernel
from accel_sim.memory.controller_commands_kernel import standby_until
from accel_sim.memory.controller_kernel import tick
from accel_sim.memory.controller_layout import (
    BANKS,
    BANKS_IN_GROUP,
    BY_BITS,
    FIELD_BANK,
    FIELD_CHANNEL,
    FIELD_GROUP,
    FIELD_RANK,
    FIELD_ROW,
    FOREVER,
    LAST_RETURN,
    MAP,
    MAP_BELOW,
    MAP_ENTRIES,
    MAP_MASK,
    MAP_SHIFT,
    MAP_SIZE,
    NEXT,
    PSEUDO_CHANNELS,
    RANKS,
    RANKS_IN_PSEUDO,
    READS_OPEN,
    STRIDE,
)  # fmt: skip
from accel_sim.memory.pointer_kernel import pointer
from accel_sim.memory.queue_kernel import enqueue, has_room

__all__ = ["locate", "run_trace"]

POSTED = 2
"""Clocks from the acceptance of a write to its answer."""


@kernel
def locate(p, address):
    """Channel, bank and row of an address, bytes; addresses beyond the memory start again at its beginning."""
    channel, rank = _field(p, address, FIELD_CHANNEL), _field(p, address, FIELD_RANK)
    group, bank = _field(p, address, FIELD_GROUP), _field(p, address, FIELD_BANK)
    if p[PSEUDO_CHANNELS] > 1:
        rank += channel % p[PSEUDO_CHANNELS] * p[RANKS_IN_PSEUDO]
        channel //= p[PSEUDO_CHANNELS]
    bank += rank * p[BANKS] + group * p[BANKS_IN_GROUP]
    return channel, bank, _field(p, address, FIELD_ROW)


@kernel
def _field(p, address, field):
    m = MAP + field * MAP_ENTRIES
    if p[BY_BITS]:
        return (address >> p[m + MAP_SHIFT]) & p[m + MAP_MASK]
    return address // p[m + MAP_BELOW] % p[m + MAP_SIZE]


@kernel
def run_trace(parameters, state, addresses, writes, cycles, per_clock):
    """Send requests in order, each not before its cycle, up to ``per_clock`` in a clock.

    It ends when all reads have come back and all writes are accepted; those may be in a queue still. Returns the clocks
    that takes, and those before the last request was accepted.
    """
    p, s = pointer(parameters), pointer(state)
    count, stride, blocks = len(addresses), p[STRIDE], len(state)
    sent, now, last_write, accepted_at, end = 0, 0, -1, 0, FOREVER
    channel, bank, row = 0, 0, 0
    if count > 0:
        channel, bank, row = locate(p, addresses[0])
    for c in range(0, blocks, stride):
        s[c + NEXT] = 0
    while now < end:
        for c in range(0, blocks, stride):
            if s[c + NEXT] <= now:
                s[c + NEXT] = tick(p, s, c, now)
        accepted = 0
        while sent < count and accepted < per_clock and cycles[sent] <= now:
            c = channel * stride
            if not has_room(p, s, c, writes[sent]):
                break
            enqueue(p, s, c, bank, row, writes[sent], now + 1)
            s[c + NEXT] = now + 1
            if writes[sent]:
                last_write = now
            sent += 1
            accepted_at = now
            accepted += 1
            if sent < count:
                channel, bank, row = locate(p, addresses[sent])
        upcoming = FOREVER
        for c in range(0, blocks, stride):
            upcoming = min(upcoming, s[c + NEXT])
        if sent < count:
            if cycles[sent] > now:
                upcoming = min(upcoming, cycles[sent])
            elif accepted == per_clock:
                upcoming = now + 1
        else:
            end = _end(s, blocks, stride, last_write)
        now = max(now + 1, upcoming)
    for c in range(0, blocks, stride):
        for rank in range(p[RANKS]):
            standby_until(p, s, c, rank, end)
    return end, accepted_at


@kernel
def _end(s, blocks, stride, last_write):
    """The clock after the last answer; :data:`FOREVER` while reads are under way."""
    end = last_write + POSTED + 1 if last_write >= 0 else 0
    for c in range(0, blocks, stride):
        if s[c + READS_OPEN] > 0:
            return FOREVER
        end = max(end, s[c + LAST_RETURN] + 1)
    return end
