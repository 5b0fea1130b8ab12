"""Kernel: a memory controller that serves the oldest ready request of a channel.

One queue of reads and one of writes per channel, whose requests are served first ready, first come first served, each
from its place in the queue: no bank has a queue of its own. Reads go first; writes from the time that they fill most of
their queue, or that no read waits, until few of them are left and a read waits. A request whose row has been opened for
it leaves the queue and comes before all others; its row stays open until it is served. Any other row is closed as soon
as a request for another row of its bank is the oldest that can have a command. This is the controller of Ramulator 2
(Luo et al., IEEE CAL 2023), whose HBM controllers also give a row command and a column command in the same clock.

All ranks, and all pseudo channels, of a channel are due for refresh at the same time and are refreshed one after
another, each after a precharge of all its banks; in the meantime only requests with an opened row are served.

The pseudo channels of a channel share this controller and its command buses, and nothing else.

``s`` is the state and ``p`` the parameters (:mod:`accel_sim.memory.controller_layout`), ``c`` the start of the
channel's block in ``s`` and ``b`` that of a bank's record.
"""

from __future__ import annotations

from accel_sim.jit import kernel
from accel_sim.memory.controller_commands_kernel import activate, column, first_clock, precharge, refresh_together
from accel_sim.memory.controller_layout import (
    ACT,
    AT_ACTIVE,
    AT_BANKS,
    AT_ENTRIES,
    AT_QUEUES,
    BANK_FIELDS,
    BUSY_BANKS,
    COUNT,
    DRAIN_FROM,
    DRAIN_TO,
    DRAINING,
    DUAL_COMMAND,
    E_FIELDS,
    E_SINCE,
    E_WHAT,
    FOREVER,
    HEAD,
    LENGTH,
    NEXT_REFRESH,
    OPEN_ROW,
    PRE,
    Q_BANK,
    Q_FIELDS,
    Q_LINK,
    Q_SINCE,
    Q_WHAT,
    QUEUE,
    QUEUED,
    RANKS,
    RD,
    REFRESH_EVERY,
    REFRESHES_DUE,
)  # fmt: skip
from accel_sim.memory.queue_kernel import busy, not_busy, unlink

__all__ = ["tick_window"]


@kernel
def tick_window(p, s, c, now):
    """Let a channel do what it can in clock ``now``; returns the next clock in which it may have something to do."""
    if now >= s[c + NEXT_REFRESH]:
        s[c + NEXT_REFRESH] += p[REFRESH_EVERY]
        s[c + REFRESHES_DUE] += p[RANKS]
    if p[DUAL_COMMAND]:
        given, at = _serve(p, s, c, now, False, True)
        row_given, row_at = _serve(p, s, c, now, True, False)
        given, at = given or row_given, min(at, row_at)
    else:
        given, at = _serve(p, s, c, now, True, True)
    return now + 1 if given else min(at, s[c + NEXT_REFRESH])


@kernel
def _serve(p, s, c, now, rows, columns):
    """Give one command, of rows or of columns as allowed; returns whether one was given, and when one can be."""
    at = FOREVER
    if columns:
        bank, at = _oldest_opened(p, s, c, now)
        if bank >= 0:
            _finish_opened(p, s, c, bank, now)
            return True, now
    if s[c + REFRESHES_DUE] > 0:
        if rows:
            given, when = refresh_together(p, s, c, now)
            return given, min(at, when)
        return False, at
    kind = _kind_to_serve(p, s, c)
    queue, slot = c + p[AT_QUEUES] + kind * p[QUEUE] * Q_FIELDS, s[c + HEAD + kind]
    while slot >= 0:
        q = queue + slot * Q_FIELDS
        b = c + p[AT_BANKS] + s[q + Q_BANK] * BANK_FIELDS
        row = s[b + OPEN_ROW]
        if row == s[q + Q_WHAT] >> 1:
            command, allowed = RD + kind, columns
        else:
            command, allowed = (ACT if row < 0 else PRE), rows and s[b + LENGTH] == 0
        if allowed:
            when = first_clock(s, c, b, command)
            if when <= now:
                _give(p, s, c, b, command, kind, slot, now)
                return True, now
            at = min(at, when)
        slot = s[q + Q_LINK]
    return False, at


@kernel
def _kind_to_serve(p, s, c):
    """0 while reads are served, 1 while writes are."""
    reads, writes = s[c + COUNT], s[c + COUNT + 1]
    if s[c + DRAINING] == 0:
        if writes > p[DRAIN_FROM] or reads == 0:
            s[c + DRAINING] = 1
    elif writes < p[DRAIN_TO] and reads > 0:
        s[c + DRAINING] = 0
    return s[c + DRAINING]


@kernel
def _opened(p, c, bank):
    """Where the request stands that a bank's row was opened for."""
    return c + p[AT_ENTRIES] + bank * E_FIELDS


@kernel
def _oldest_opened(p, s, c, now):
    """The bank whose opened row's request is the oldest that can be served now (-1: none), and when one can be."""
    found, since, at = -1, FOREVER, FOREVER
    for i in range(s[c + BUSY_BANKS]):
        bank = s[c + p[AT_ACTIVE] + i]
        b, e = c + p[AT_BANKS] + bank * BANK_FIELDS, _opened(p, c, bank)
        when = first_clock(s, c, b, RD + (s[e + E_WHAT] & 1))
        at = min(at, when)
        if when <= now and s[e + E_SINCE] < since:
            found, since = bank, s[e + E_SINCE]
    return found, at


@kernel
def _finish_opened(p, s, c, bank, now):
    b, e = c + p[AT_BANKS] + bank * BANK_FIELDS, _opened(p, c, bank)
    column(p, s, c, b, s[e + E_WHAT] & 1 == 1, s[e + E_SINCE], now)
    s[b + LENGTH] = 0
    s[c + QUEUED] -= 1
    not_busy(p, s, c, bank)


@kernel
def _give(p, s, c, b, command, kind, slot, now):
    """Give a command for the waiting request in ``slot``."""
    q = c + p[AT_QUEUES] + (kind * p[QUEUE] + slot) * Q_FIELDS
    if command == PRE:
        precharge(p, s, c, b, now)
        return
    if command == ACT:
        bank = s[q + Q_BANK]
        e = _opened(p, c, bank)
        activate(p, s, c, b, s[q + Q_WHAT] >> 1, now)
        s[e + E_WHAT], s[e + E_SINCE] = s[q + Q_WHAT], s[q + Q_SINCE]
        s[b + LENGTH] = 1
        s[c + QUEUED] += 1
        busy(p, s, c, bank)
    else:
        column(p, s, c, b, kind == 1, s[q + Q_SINCE], now)
    unlink(p, s, c, kind, slot)
