"""Kernel: memory controllers, command by command, from one event to the next.

Requests wait in a read queue and a write queue per channel, move into the queue of their bank, one per clock, and get
their commands from there: first ready, first come first served, banks in turn. Writes are posted; they are moved when
their queue is full, or when nothing else is to be done and more than a few of them wait. An open row is closed for
another request when no request in the bank's queue wants it, or after a number of column commands. Every rank is
refreshed in turn; its banks take no other command from the time that the refresh is due. This is the controller of
DRAMsim3 (Li et al., IEEE CAL 2020), save that requests for the same burst are not merged.

With in-order scheduling a channel has one queue, and only its oldest request gets commands; for the oldest ready one of
a window see :mod:`accel_sim.memory.window_kernel`.

A clock in which nothing can happen is never looked at: :func:`tick` says when the next one is due. ``s`` is the state
and ``p`` the parameters (:mod:`accel_sim.memory.controller_layout`), ``c`` the start of the channel's block in ``s``.
"""

from __future__ import annotations

from accel_sim.jit import inlined_kernel, kernel
from accel_sim.memory.bits_kernel import lowest_bit
from accel_sim.memory.controller_commands_kernel import activate, column, first_clock, precharge, refresh
from accel_sim.memory.controller_layout import (
    ACT,
    AT_BANKS,
    AT_ENTRIES,
    AT_QUEUES,
    AT_RANKS,
    AT_SETS,
    BANK_FIELDS,
    BANK_QUEUE,
    BANKS_IN_SET,
    BIT,
    COUNT,
    DRAINING,
    DUAL_COMMAND,
    E_FIELDS,
    E_SINCE,
    E_WHAT,
    FIRST,
    FOREVER,
    FR_FCFS_WINDOW,
    GROUP_AT,
    HEAD,
    HIT_LIMIT,
    HITS,
    IN_BANKS,
    IN_ORDER,
    KINDS,
    LENGTH,
    NEXT_REFRESH,
    NOTHING,
    OPEN_ROW,
    OWN,
    PRE,
    Q_BANK,
    Q_FIELDS,
    Q_LINK,
    Q_SINCE,
    Q_WHAT,
    QUEUE,
    QUEUED,
    RANK,
    RANK_CLOCKS,
    RANK_FIELDS,
    RD,
    READY_FROM,
    REFRESH_EVERY,
    REFRESHES_DUE,
    REFRESHING,
    ROUND,
    SAME_KIND,
    SCHEDULER,
    SET_AT,
    SET_BANK,
    SET_FIELDS,
    SET_RANK,
    SET_WANTS,
    SETS,
    SEVERAL,
    STUCK,
    TAIL,
    WAITING,
    WANT,
    WANT_ENTRY,
    WR,
    WRITES_IN,
    WRITES_KEPT,
)  # fmt: skip
from accel_sim.memory.queue_kernel import has_room, unlink
from accel_sim.memory.window_kernel import tick_window

__all__ = ["tick"]

BEHIND = 1 << 16
"""More than there are banks in a channel."""


@kernel
def _entry(p, s, c, bank, b, i):
    """Where request ``i`` of a bank's queue stands."""
    place = s[b + FIRST] + i
    if place >= p[BANK_QUEUE]:
        place -= p[BANK_QUEUE]
    return c + p[AT_ENTRIES] + (bank * p[BANK_QUEUE] + place) * E_FIELDS


@inlined_kernel
def _hits(p, s, c, bank, b):
    """First read and first write in a bank's queue that want its open row, -1 if there is none."""
    what, read, write = s[b + OPEN_ROW] * 2, -1, -1
    writes = s[b + WRITES_IN]
    reads = s[b + LENGTH] - writes
    for i in range(s[b + LENGTH]):
        here = s[_entry(p, s, c, bank, b, i) + E_WHAT]
        if here == what and read < 0:
            read = i
        elif here == what + 1 and write < 0:
            write = i
        if (read >= 0 or reads == 0) and (write >= 0 or writes == 0):
            break
    return read, write


@inlined_kernel
def _may_close(p, s, c, bank, b, read, write):
    """Whether the oldest request of an open bank may close its row."""
    first_row = s[_entry(p, s, c, bank, b, 0) + E_WHAT] >> 1
    return first_row != s[b + OPEN_ROW] and ((read < 0 and write < 0) or s[b + HITS] >= p[HIT_LIMIT])


@inlined_kernel
def _note_want(p, s, c, bank):
    """Note the bank's next command, after its queue or its row has changed."""
    b = c + p[AT_BANKS] + bank * BANK_FIELDS
    want, entry = NOTHING, 0
    if s[b + LENGTH] > 0:
        if s[b + OPEN_ROW] < 0:
            want = ACT
        else:
            read, write = _hits(p, s, c, bank, b)
            closes = _may_close(p, s, c, bank, b, read, write)
            if (read >= 0) + (write >= 0) + closes > 1:
                want = SEVERAL
            elif closes:
                want = PRE
            elif read >= 0:
                want, entry = RD, read
            else:
                want, entry = WR, write
    s[b + WANT_ENTRY] = entry
    before, wants = s[b + WANT], c + s[b + SET_AT] + SET_WANTS
    if want != before:
        s[b + WANT] = want
        if before != NOTHING:
            s[wants + before] ^= s[b + BIT]
        if want != NOTHING:
            s[wants + want] ^= s[b + BIT]
    if want != NOTHING:
        when = first_clock(s, c, b, want) if want < KINDS else 0
        s[c + READY_FROM] = min(s[c + READY_FROM], when)


@kernel
def _of_several(p, s, c, bank, b, now):
    """Kind, request and first clock, where a bank has a choice: what can be given now, by age; else the earliest."""
    read, write = _hits(p, s, c, bank, b)
    at = FOREVER
    if _may_close(p, s, c, bank, b, read, write):
        at = first_clock(s, c, b, PRE)
        if at <= now:
            return PRE, 0, at
    read_at = first_clock(s, c, b, RD) if read >= 0 else FOREVER
    write_at = first_clock(s, c, b, WR) if write >= 0 else FOREVER
    if read_at <= now and (write_at > now or read < write):
        return RD, read, read_at
    if write_at <= now:
        return WR, write, write_at
    return RD, read, min(at, read_at, write_at)


@inlined_kernel
def _select(p, s, c, now):
    """The command of the next bank in turn that has one now: (bank or -1, kind, request, when at the earliest).

    Notes from when on another bank may have one if that command is given, so that nothing is looked at until then.
    """
    at = s[c + READY_FROM]
    if at > now:
        return -1, NOTHING, 0, at
    best, found, entry, at = BEHIND * 2, NOTHING, 0, FOREVER
    start = c + p[AT_SETS]
    m, end = c + s[c + p[AT_BANKS] + s[c + ROUND] * BANK_FIELDS + SET_AT], start + p[SETS] * SET_FIELDS
    for _ in range(p[SETS]):
        if best < BEHIND:
            at = now  # those of the sets that were not looked at may be ready
            break
        if s[m + SET_RANK] != s[c + REFRESHING]:
            best, found, entry, at = _select_in_set(p, s, c, m, now, best, found, entry, at)
        m = m + SET_FIELDS if m + SET_FIELDS < end else start
    s[c + READY_FROM] = at
    if found == NOTHING:
        return -1, NOTHING, 0, at
    s[c + ROUND] = best & (BEHIND - 1)
    return best & (BEHIND - 1), found, entry, now


@inlined_kernel
def _select_in_set(p, s, c, m, now, best, found, entry, at):
    """Find a bank of the set at ``m`` that has a command now and is in turn before ``best``, :data:`BEHIND` added.

    Returns those and from when on another bank than the best can have a command at the earliest.
    """
    clocks = c + p[AT_RANKS] + s[m + SET_RANK] * RANK_FIELDS + RANK_CLOCKS
    first, round_ = s[m + SET_BANK], s[c + ROUND]
    records, same_at = c + p[AT_BANKS] + first * BANK_FIELDS, FOREVER
    behind = (1 << min(max(round_ + 1 - first, 0), BANKS_IN_SET)) - 1
    for kind in range(KINDS):
        wanting = s[m + SET_WANTS + kind]
        if wanting != 0 and s[clocks + kind] > now:
            at = min(at, s[clocks + kind])
            continue
        early, late = wanting & ~behind, wanting & behind
        while early | late != 0:
            bits = early if early != 0 else late
            i = lowest_bit(bits)
            b = records + i * BANK_FIELDS
            when = max(s[b + OWN + kind], s[c + s[b + GROUP_AT] + kind])
            early, late = early & ~(bits & -bits), late & ~(bits & -bits)
            if when <= now:
                key = first + i + (BEHIND if first + i <= round_ else 0)
                if key > best or found != NOTHING:
                    at = now
                if key < best:
                    best, found, entry = key, kind, s[b + WANT_ENTRY]
                    same_at = now + p[SAME_KIND + kind] if early | late != 0 else FOREVER
                break
            at = min(at, when)
    wanting = s[m + SET_WANTS + SEVERAL]
    while wanting != 0:
        i = lowest_bit(wanting)
        kind, several, when = _of_several(p, s, c, first + i, records + i * BANK_FIELDS, now)
        if when <= now:
            key = first + i + (BEHIND if first + i <= round_ else 0)
            when = now if found != NOTHING else FOREVER
            if key < best:
                best, found, entry = key, kind, several
        at = min(at, when)
        wanting &= wanting - 1
    return best, found, entry, min(at, same_at)


@kernel
def _give(p, s, c, bank, kind, entry, now):
    """Give a command for a request in a bank's queue."""
    b = c + p[AT_BANKS] + bank * BANK_FIELDS
    e = _entry(p, s, c, bank, b, entry)
    if kind == ACT:
        activate(p, s, c, b, s[e + E_WHAT] >> 1, now)
    elif kind == PRE:
        precharge(p, s, c, b, now)
    else:
        column(p, s, c, b, kind == WR, s[e + E_SINCE], now)
        _remove(p, s, c, bank, b, entry)
        s[b + WRITES_IN] -= kind == WR
        s[c + QUEUED] -= 1
        s[c + IN_BANKS + (1 if kind == WR else 0)] -= 1
    _note_want(p, s, c, bank)


@inlined_kernel
def _remove(p, s, c, bank, b, entry):
    """Take a request out of a bank's queue."""
    for i in range(entry, 0, -1):  # those in front move up
        to, of = _entry(p, s, c, bank, b, i), _entry(p, s, c, bank, b, i - 1)
        s[to + E_WHAT], s[to + E_SINCE] = s[of + E_WHAT], s[of + E_SINCE]
    if s[b + LENGTH] == p[BANK_QUEUE]:
        s[c + STUCK] -= s[b + WAITING]
        s[c + STUCK + 1] -= s[b + WAITING + 1]
    s[b + FIRST] = s[b + FIRST] + 1 if s[b + FIRST] + 1 < p[BANK_QUEUE] else 0
    s[b + LENGTH] -= 1


@inlined_kernel
def _append(p, s, c, bank, what, since):
    """Put a request behind the others of its bank; there must be room."""
    b = c + p[AT_BANKS] + bank * BANK_FIELDS
    e = _entry(p, s, c, bank, b, s[b + LENGTH])
    s[e + E_WHAT], s[e + E_SINCE] = what, since
    s[b + LENGTH] += 1
    s[b + WRITES_IN] += what & 1
    s[b + WAITING + (what & 1)] -= 1
    if s[b + LENGTH] == p[BANK_QUEUE]:
        s[c + STUCK] += s[b + WAITING]
        s[c + STUCK + 1] += s[b + WAITING + 1]
    want = s[b + WANT]
    # what is next stays so if a bank is to be opened, or one more of the same kind comes behind
    if want != ACT and want != (WR if what & 1 else RD):
        _note_want(p, s, c, bank)


@kernel
def _first_in_order(p, s, c, now):
    """Serve the oldest request of a channel that works in order; returns (whether a command was given, next time)."""
    slot = s[c + HEAD]
    if slot < 0:
        return False, FOREVER
    q = c + p[AT_QUEUES] + slot * Q_FIELDS
    b = c + p[AT_BANKS] + s[q + Q_BANK] * BANK_FIELDS
    if s[b + RANK] == s[c + REFRESHING]:
        return False, FOREVER  # the refresh says when
    is_write, wanted, row = s[q + Q_WHAT] & 1, s[q + Q_WHAT] >> 1, s[b + OPEN_ROW]
    kind = ACT if row < 0 else (PRE if row != wanted else (WR if is_write else RD))
    at = first_clock(s, c, b, kind)
    if at > now:
        return False, at
    if kind == ACT:
        activate(p, s, c, b, wanted, now)
    elif kind == PRE:
        precharge(p, s, c, b, now)
    else:
        column(p, s, c, b, is_write == 1, s[q + Q_SINCE], now)
        unlink(p, s, c, 0, slot)
    return True, now


@inlined_kernel
def _move(p, s, c):
    """Move the oldest request that its bank's queue has room for there; whether one was moved."""
    writes = s[c + COUNT + 1]
    full = not has_room(p, s, c, True)
    if s[c + DRAINING] == 0 and writes > 0 and (full or (writes > p[WRITES_KEPT] and s[c + QUEUED] == 0)):
        s[c + DRAINING] = writes
    kind = 1 if s[c + DRAINING] > 0 else 0
    movable = s[c + COUNT + kind] - s[c + STUCK + kind]
    if movable == 0:
        return False
    queue, banks = c + p[AT_QUEUES] + kind * p[QUEUE] * Q_FIELDS, c + p[AT_BANKS] + LENGTH
    slot = s[c + TAIL + kind]  # often the only one, as it has just come
    if movable > 1 or s[banks + s[queue + slot * Q_FIELDS + Q_BANK] * BANK_FIELDS] == p[BANK_QUEUE]:
        slot = s[c + HEAD + kind]
        while s[banks + s[queue + slot * Q_FIELDS + Q_BANK] * BANK_FIELDS] == p[BANK_QUEUE]:
            slot = s[queue + slot * Q_FIELDS + Q_LINK]
    q = queue + slot * Q_FIELDS
    _append(p, s, c, s[q + Q_BANK], s[q + Q_WHAT], s[q + Q_SINCE])
    s[c + QUEUED] += 1
    s[c + IN_BANKS + kind] += 1
    s[c + DRAINING] -= kind
    unlink(p, s, c, kind, slot)
    return True


@kernel
def tick(p, s, c, now):
    """Let a channel do what it can in clock ``now``; returns the next clock in which it may have something to do."""
    if p[SCHEDULER] == FR_FCFS_WINDOW:
        return tick_window(p, s, c, now)
    if now >= s[c + NEXT_REFRESH]:
        s[c + NEXT_REFRESH] += p[REFRESH_EVERY]
        s[c + REFRESHES_DUE] += 1
    given, kind, at = False, NOTHING, FOREVER
    if s[c + REFRESHES_DUE] > 0:
        given, at, bank = refresh(p, s, c, now)
        if bank >= 0:
            _note_want(p, s, c, bank)
        elif given:  # the rank's banks may have commands again
            s[c + READY_FROM] = 0
    if p[SCHEDULER] == IN_ORDER:
        if not given:
            given, when = _first_in_order(p, s, c, now)
            at = min(at, when)
        return now + 1 if given else min(at, s[c + NEXT_REFRESH])
    if not given:
        bank, kind, entry, when = _select(p, s, c, now)
        at = min(at, when)
        if bank >= 0:
            given = True
            _give(p, s, c, bank, kind, entry, now)
    if given and p[DUAL_COMMAND]:  # a row command and a column command in one clock
        bank, second, entry, when = _select(p, s, c, now)
        if bank >= 0:
            if (second >= RD) != (kind in (RD, WR)):
                _give(p, s, c, bank, second, entry, now)
            else:
                s[c + READY_FROM] = now
    moved = _move(p, s, c)
    return now + 1 if given or moved else min(at, s[c + NEXT_REFRESH])
