"""Kernel: one memory controller, command by command, from one event to the next.

Requests wait in a read queue and a write queue per channel, move into the queue of their bank, one per clock, and get
their commands from there: first ready, first come first served, banks in turn. Writes are posted; they are moved when
their queue is full, or when nothing else is to be done and more than a few of them wait. An open row is closed for
another request when no request in the bank's queue wants it, or after a number of column commands. Every rank is
refreshed in turn; its banks take no other command from the time that the refresh is due. This is the controller of
DRAMsim3 (Li et al., IEEE CAL 2020), save that requests for the same burst are not merged.

With in-order scheduling a channel has one queue, and only its oldest request gets commands.

A clock in which nothing can happen is never looked at: :func:`tick` says when the next one is due.
"""

from __future__ import annotations

from accel_sim.jit import kernel
from accel_sim.memory.controller_layout import (
    ACT_ACT_L, ACT_ACT_S, ACT_PRE, ACT_RD, ACT_WR, ACTIVATES, ACTIVE, ANY_ACT, ANY_PRE, ANY_RD, ANY_WR, BANK_ACT,
    BANK_PRE, BANK_QUEUE, BANK_RD, BANK_WR, BANKS, COUNT, COUNTED_TO, DRAINING, DUAL_COMMAND, E_ROW, E_SINCE, E_WRITE,
    FOREVER, FOUR, FOUR_ACT, FOUR_AT, FREE, GROUPS, HEAD, HIT_LIMIT, HITS, IDLE, IN_ORDER, LAST_RETURN, LATENCY,
    LENGTH, MANY, MANY_ACT, MANY_AT, NEXT_REFRESH, OPEN_BANKS, OPEN_ROW, PRE_ACT, PRE_PRE, PRECHARGES, Q_BANK, Q_LINK,
    Q_ROW, Q_SINCE, QUEUE, QUEUED, RANKS, RD_PRE, RD_RD_L, RD_RD_O, RD_RD_S, RD_WR, RD_WR_O, READ_DELAY, READ_HITS,
    READS, READS_OPEN, REF_ACT, REFRESH_AT, REFRESH_EVERY, REFRESH_RANK, REFRESHES, REFRESHES_DUE, REFRESHING, ROUND, SCHEDULER,
    STUCK, TAIL, WR_PRE, WR_RD_L, WR_RD_O, WR_RD_S, WR_WR_L, WR_WR_O, WR_WR_S, WRITE_HITS, WRITES, WRITES_KEPT,
)  # fmt: skip

__all__ = ["enqueue", "has_room", "standby_until", "tick"]

_NONE, _ACTIVATE, _PRECHARGE, _READ, _WRITE = range(5)


@kernel
def has_room(c, ch, is_write):
    """Whether a channel takes another read or write."""
    kind = 1 if is_write and c.p[SCHEDULER] != IN_ORDER else 0
    return c.scalars[ch, COUNT + kind] < c.p[QUEUE]


@kernel
def enqueue(c, ch, bank, row, is_write, now):
    """Put a request behind the others; there must be room."""
    kind = 1 if is_write and c.p[SCHEDULER] != IN_ORDER else 0
    own, queue = c.scalars[ch], c.queue[ch, kind]
    slot = own[FREE + kind]
    own[FREE + kind] = queue[slot, Q_LINK]
    queue[slot, Q_BANK], queue[slot, Q_ROW], queue[slot, Q_LINK] = bank, row, -1
    queue[slot, Q_SINCE] = now * 2 + (1 if is_write else 0)
    if own[TAIL + kind] >= 0:
        queue[own[TAIL + kind], Q_LINK] = slot
    else:
        own[HEAD + kind] = slot
    own[TAIL + kind] = slot
    own[COUNT + kind] += 1
    own[STUCK] = 0
    if not is_write:
        own[READS_OPEN] += 1


@kernel
def _unlink(own, queue, kind, slot, before):
    """Take a request out of its list; ``before``: the one in front of it, -1 if it is the first."""
    after = queue[slot, Q_LINK]
    if before < 0:
        own[HEAD + kind] = after
    else:
        queue[before, Q_LINK] = after
    if own[TAIL + kind] == slot:
        own[TAIL + kind] = before
    queue[slot, Q_LINK] = own[FREE + kind]
    own[FREE + kind] = slot
    own[COUNT + kind] -= 1


@kernel
def standby_until(c, ch, rank, now):
    """Count the clocks before ``now`` in which the rank had an open bank, or none."""
    own = c.ranks[ch, rank]
    own[ACTIVE if own[OPEN_BANKS] > 0 else IDLE] += now - own[COUNTED_TO]
    own[COUNTED_TO] = now


@kernel
def _activate_at(c, ch, bank):
    """First clock in which a closed bank can be activated."""
    p, rank, own = c.p, bank // c.p[BANKS], c.banks[ch, bank]
    group = bank // (p[BANKS] // p[GROUPS])
    state, window = c.ranks[ch, rank], c.windows[ch, rank]
    at = max(own[BANK_ACT], c.groups[ch, group, ANY_ACT], state[ANY_ACT], window[state[FOUR_AT]])
    if p[MANY_ACT] > 0:
        at = max(at, window[FOUR + state[MANY_AT]])
    return at


@kernel
def _precharge_at(c, ch, bank):
    """First clock in which an open bank can be closed."""
    return max(c.banks[ch, bank, BANK_PRE], c.ranks[ch, bank // c.p[BANKS], ANY_PRE])


@kernel
def _column_at(c, ch, bank, is_write):
    """First clock of a read from, or write to, the open row."""
    p, own = c.p, c.banks[ch, bank]
    group, rank = c.groups[ch, bank // (p[BANKS] // p[GROUPS])], c.ranks[ch, bank // p[BANKS]]
    if is_write:
        return max(own[BANK_WR], group[ANY_WR], rank[ANY_WR])
    return max(own[BANK_RD], group[ANY_RD], rank[ANY_RD])


@kernel
def _activate(c, ch, bank, row, now):
    p, rank, own = c.p, bank // c.p[BANKS], c.banks[ch, bank]
    standby_until(c, ch, rank, now)
    state, window = c.ranks[ch, rank], c.windows[ch, rank]
    state[OPEN_BANKS] += 1
    window[state[FOUR_AT]] = now + p[FOUR_ACT]
    state[FOUR_AT] = (state[FOUR_AT] + 1) % FOUR
    window[FOUR + state[MANY_AT]] = now + p[MANY_ACT]
    state[MANY_AT] = (state[MANY_AT] + 1) % MANY
    own[OPEN_ROW], own[HITS] = row, 0
    own[BANK_PRE] = max(own[BANK_PRE], now + p[ACT_PRE])
    own[BANK_RD], own[BANK_WR] = now + p[ACT_RD], now + p[ACT_WR]
    group = c.groups[ch, bank // (p[BANKS] // p[GROUPS])]
    group[ANY_ACT] = max(group[ANY_ACT], now + p[ACT_ACT_L])
    state[ANY_ACT] = max(state[ANY_ACT], now + p[ACT_ACT_S])
    c.counts[ch, ACTIVATES] += 1


@kernel
def _precharge(c, ch, bank, now):
    p, rank, own = c.p, bank // c.p[BANKS], c.banks[ch, bank]
    standby_until(c, ch, rank, now)
    c.ranks[ch, rank, OPEN_BANKS] -= 1
    own[OPEN_ROW], own[HITS] = -1, 0
    own[BANK_ACT] = now + p[PRE_ACT]
    if p[PRE_PRE] > 0:
        c.ranks[ch, rank, ANY_PRE] = max(c.ranks[ch, rank, ANY_PRE], now + p[PRE_PRE])
    c.counts[ch, PRECHARGES] += 1


@kernel
def _column(c, ch, bank, is_write, since, now):
    """A read or a write of the open row."""
    p, own, scalars, counts = c.p, c.banks[ch, bank], c.scalars[ch], c.counts[ch]
    rank, ranks = bank // p[BANKS], p[RANKS]
    group, state = c.groups[ch, bank // (p[BANKS] // p[GROUPS])], c.ranks[ch, rank]
    if is_write:
        to_rd_l, to_rd_s, to_wr_l, to_wr_s = p[WR_RD_L], p[WR_RD_S], p[WR_WR_L], p[WR_WR_S]
        to_rd_o, to_wr_o, to_pre = p[WR_RD_O], p[WR_WR_O], p[WR_PRE]
        counts[WRITES] += 1
        counts[WRITE_HITS] += own[HITS] > 0
    else:
        to_rd_l, to_rd_s, to_wr_l, to_wr_s = p[RD_RD_L], p[RD_RD_S], p[RD_WR], p[RD_WR]
        to_rd_o, to_wr_o, to_pre = p[RD_RD_O], p[RD_WR_O], p[RD_PRE]
        counts[READS] += 1
        counts[READ_HITS] += own[HITS] > 0
        counts[LATENCY] += now + p[READ_DELAY] - since
        scalars[READS_OPEN] -= 1
        scalars[LAST_RETURN] = max(scalars[LAST_RETURN], now + p[READ_DELAY])
    own[HITS] += 1
    own[BANK_PRE] = max(own[BANK_PRE], now + to_pre)
    group[ANY_RD], group[ANY_WR] = max(group[ANY_RD], now + to_rd_l), max(group[ANY_WR], now + to_wr_l)
    state[ANY_RD], state[ANY_WR] = max(state[ANY_RD], now + to_rd_s), max(state[ANY_WR], now + to_wr_s)
    for other in range(ranks):
        if other != rank:
            there = c.ranks[ch, other]
            there[ANY_RD], there[ANY_WR] = max(there[ANY_RD], now + to_rd_o), max(there[ANY_WR], now + to_wr_o)


@kernel
def _refresh(c, ch, now):
    """What the refresh that is due can do now: close a bank or refresh; returns (whether it did, when it can)."""
    p, own = c.p, c.scalars[ch]
    rank = own[REFRESH_RANK]
    own[REFRESHING] = rank
    first, at, all_at = rank * p[BANKS], FOREVER, c.ranks[ch, rank, REFRESH_AT]
    is_open = False
    for bank in range(first, first + p[BANKS]):
        if c.banks[ch, bank, OPEN_ROW] >= 0:
            is_open = True
            closes = _precharge_at(c, ch, bank)
            if closes <= now:
                _precharge(c, ch, bank, now)
                return True, now
            at = min(at, closes)
        else:
            all_at = max(all_at, c.banks[ch, bank, BANK_ACT])
    if is_open or all_at > now:
        return False, at if is_open else all_at
    state = c.ranks[ch, rank]
    state[ANY_ACT] = max(state[ANY_ACT], now + p[REF_ACT])
    state[REFRESH_AT] = now + p[REF_ACT]
    own[REFRESHES_DUE] -= 1
    own[REFRESHING] = -1
    own[REFRESH_RANK] = (rank + 1) % p[RANKS]
    c.counts[ch, REFRESHES] += 1
    return True, now


@kernel
def _wanted(c, ch, bank, now):
    """A bank's next command: what it is, which request it serves, and the first clock in which it can be given.

    Of the commands that can be given now the one of the oldest request; if there is none, the earliest.
    """
    own, entries = c.banks[ch, bank], c.entries[ch, bank]
    if own[OPEN_ROW] < 0:
        return _ACTIVATE, 0, _activate_at(c, ch, bank)
    row, read, write = own[OPEN_ROW], -1, -1
    for i in range(own[LENGTH]):
        if entries[i, E_ROW] == row:
            if entries[i, E_WRITE]:
                write = i if write < 0 else write
            else:
                read = i if read < 0 else read
            if read >= 0 and write >= 0:
                break
    at = FOREVER
    if entries[0, E_ROW] != row and ((read < 0 and write < 0) or own[HITS] >= c.p[HIT_LIMIT]):
        at = _precharge_at(c, ch, bank)
        if at <= now:
            return _PRECHARGE, 0, at
    read_at = _column_at(c, ch, bank, False) if read >= 0 else FOREVER
    write_at = _column_at(c, ch, bank, True) if write >= 0 else FOREVER
    if read_at <= now and (write_at > now or read < write):
        return _READ, read, read_at
    if write_at <= now:
        return _WRITE, write, write_at
    return _NONE, 0, min(at, read_at, write_at)


@kernel
def _give(c, ch, bank, kind, entry, now):
    """Give a command for a request in a bank's queue."""
    own, entries = c.banks[ch, bank], c.entries[ch, bank]
    if kind == _ACTIVATE:
        _activate(c, ch, bank, entries[entry, E_ROW], now)
    elif kind == _PRECHARGE:
        _precharge(c, ch, bank, now)
    else:
        _column(c, ch, bank, kind == _WRITE, entries[entry, E_SINCE], now)
        own[LENGTH] -= 1
        for i in range(entry, own[LENGTH]):
            entries[i, E_ROW], entries[i, E_WRITE], entries[i, E_SINCE] = (
                entries[i + 1, E_ROW], entries[i + 1, E_WRITE], entries[i + 1, E_SINCE],
            )  # fmt: skip
        c.scalars[ch, QUEUED] -= 1
        c.scalars[ch, STUCK] = 0


@kernel
def _select(c, ch, now):
    """The command of the next bank in turn that has one now: (bank or -1, kind, request, when at the earliest)."""
    own, banks, blocked = c.scalars[ch], c.p[BANKS] * c.p[RANKS], c.scalars[ch, REFRESHING]
    at, bank = FOREVER, own[ROUND]
    for _ in range(banks):
        bank += 1
        if bank == banks:
            bank = 0
        if c.banks[ch, bank, LENGTH] == 0 or bank // c.p[BANKS] == blocked:
            continue
        kind, entry, when = _wanted(c, ch, bank, now)
        if when <= now:
            own[ROUND] = bank
            return bank, kind, entry, when
        at = min(at, when)
    return -1, _NONE, 0, at


@kernel
def _first_in_order(c, ch, now):
    """Serve the oldest request of a channel that works in order; returns (whether a command was given, next time)."""
    own, queue = c.scalars[ch], c.queue[ch, 0]
    slot = own[HEAD]
    if slot < 0:
        return False, FOREVER
    bank, row = queue[slot, Q_BANK], queue[slot, Q_ROW]
    if bank // c.p[BANKS] == own[REFRESHING]:
        return False, FOREVER  # the refresh says when
    is_write = queue[slot, Q_SINCE] % 2 == 1
    there = c.banks[ch, bank]
    if there[OPEN_ROW] == row:
        at = _column_at(c, ch, bank, is_write)
        if at <= now:
            _column(c, ch, bank, is_write, queue[slot, Q_SINCE] // 2, now)
            _unlink(own, queue, 0, slot, -1)
    elif there[OPEN_ROW] < 0:
        at = _activate_at(c, ch, bank)
        if at <= now:
            _activate(c, ch, bank, row, now)
    else:
        at = _precharge_at(c, ch, bank)
        if at <= now:
            _precharge(c, ch, bank, now)
    return at <= now, at


@kernel
def _move(c, ch):
    """Move the oldest request that its bank's queue has room for there; whether one was moved."""
    p, own = c.p, c.scalars[ch]
    writes = own[COUNT + 1]
    if own[DRAINING] == 0 and (writes >= p[QUEUE] or (writes > p[WRITES_KEPT] and own[QUEUED] == 0)):
        own[DRAINING] = writes
        own[STUCK] = 0
    if own[STUCK]:
        return False
    kind = 1 if own[DRAINING] > 0 else 0
    queue, before, slot = c.queue[ch, kind], -1, own[HEAD + kind]
    while slot >= 0:
        bank = queue[slot, Q_BANK]
        there = c.banks[ch, bank]
        if there[LENGTH] < p[BANK_QUEUE]:
            entry = c.entries[ch, bank, there[LENGTH]]
            entry[E_ROW], entry[E_WRITE], entry[E_SINCE] = queue[slot, Q_ROW], kind, queue[slot, Q_SINCE] // 2
            there[LENGTH] += 1
            own[QUEUED] += 1
            own[DRAINING] -= kind
            _unlink(own, queue, kind, slot, before)
            return True
        before, slot = slot, queue[slot, Q_LINK]
    own[STUCK] = 1  # until a bank's queue gets shorter or something comes in
    return False


@kernel
def tick(c, ch, now):
    """Let a channel do what it can in clock ``now``; returns the next clock in which it may have something to do."""
    own = c.scalars[ch]
    if now >= own[NEXT_REFRESH]:
        own[NEXT_REFRESH] += c.p[REFRESH_EVERY]
        own[REFRESHES_DUE] += 1
    given, at = False, FOREVER
    if own[REFRESHES_DUE] > 0:
        given, at = _refresh(c, ch, now)
    if c.p[SCHEDULER] == IN_ORDER:
        if not given:
            given, when = _first_in_order(c, ch, now)
            at = min(at, when)
        return now + 1 if given else min(at, own[NEXT_REFRESH])
    if not given:
        bank, kind, entry, when = _select(c, ch, now)
        at = min(at, when)
        if bank >= 0:
            given = True
            _give(c, ch, bank, kind, entry, now)
    else:
        kind = _NONE
    if given and c.p[DUAL_COMMAND]:  # a row command and a column command in one clock
        column = kind >= _READ
        bank, kind, entry, when = _select(c, ch, now)
        if bank >= 0 and (kind >= _READ) != column:
            _give(c, ch, bank, kind, entry, now)
    moved = _move(c, ch)
    return now + 1 if given or moved else min(at, own[NEXT_REFRESH])
