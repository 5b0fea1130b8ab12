"""Kernel: what a command of the memory controller does to the state of banks, bank groups and ranks.

``s`` is the state and ``p`` the parameters (:mod:`accel_sim.memory.controller_layout`), ``c`` the start of the
channel's block in ``s`` and ``b`` that of the bank's record.
"""

from __future__ import annotations

from accel_sim.jit import inlined_kernel, kernel
from accel_sim.memory.controller_layout import (
    ACT,
    ACT_ACT_B,
    ACT_ACT_L,
    ACT_ACT_S,
    ACT_COMMAND,
    ACT_PRE,
    ACT_RD,
    ACT_WR,
    ACTIVATES,
    ACTIVE,
    AT_BANKS,
    AT_GROUPS,
    AT_RANKS,
    AT_WINDOWS,
    BANK_FIELDS,
    BANKS,
    COLUMN_COMMAND,
    COUNTED_TO,
    DUAL_COMMAND,
    FOREVER,
    FOUR,
    FOUR_ACT,
    FOUR_AT,
    GROUP,
    GROUP_AT,
    GROUPS,
    HITS,
    IDLE,
    KINDS,
    LAST_RETURN,
    LAST_WRITE,
    LATENCY,
    LENGTH,
    MANY,
    MANY_ACT,
    MANY_AT,
    OPEN_BANKS,
    OPEN_ROW,
    OWN,
    PRE,
    PRE_ACT,
    PRE_ALL_ACT,
    PRE_PRE,
    PRECHARGES,
    PSEUDO_CHANNELS,
    RANK,
    RANK_AT,
    RANK_CLOCKS,
    RANK_FIELDS,
    RANKS,
    RANKS_IN_PSEUDO,
    RD,
    RD_PRE,
    RD_RD_L,
    RD_RD_O,
    RD_RD_R,
    RD_RD_S,
    RD_WR,
    RD_WR_O,
    READ_DELAY,
    READ_HITS,
    READS,
    READS_OPEN,
    REF_ACT,
    REFRESH_AT,
    REFRESH_RANK,
    REFRESHES,
    REFRESHES_DUE,
    REFRESHING,
    ROW_BUS_AT,
    STACK_IDS,
    WR,
    WR_PRE,
    WR_RD_L,
    WR_RD_O,
    WR_RD_S,
    WR_WR_L,
    WR_WR_O,
    WR_WR_S,
    WRITE_DELAY,
    WRITE_HITS,
    WRITES,
)  # fmt: skip

__all__ = ["activate", "column", "first_clock", "precharge", "refresh", "refresh_together", "standby_until"]


@inlined_kernel
def standby_until(p, s, c, rank, now):
    """Count the clocks before ``now`` in which the rank had an open bank, or none."""
    r = c + p[AT_RANKS] + rank * RANK_FIELDS
    s[r + (ACTIVE if s[r + OPEN_BANKS] > 0 else IDLE)] += now - s[r + COUNTED_TO]
    s[r + COUNTED_TO] = now


@inlined_kernel
def first_clock(s, c, b, kind):
    """First clock in which the bank with the record ``b`` can be given a command."""
    return max(s[b + OWN + kind], s[c + s[b + GROUP_AT] + kind], s[c + s[b + RANK_AT] + kind])


@inlined_kernel
def _not_before(p, s, c, rank, kind, at):
    """No command of that kind in the rank before ``at``."""
    r = c + p[AT_RANKS] + rank * RANK_FIELDS + RANK_CLOCKS + kind
    s[r] = max(s[r], at)


@inlined_kernel
def activate(p, s, c, b, row, now):
    """Open a row."""
    rank = s[b + RANK]
    standby_until(p, s, c, rank, now)
    r, window = c + p[AT_RANKS] + rank * RANK_FIELDS, c + p[AT_WINDOWS] + rank * (FOUR + MANY)
    s[r + OPEN_BANKS] += 1
    s[window + s[r + FOUR_AT]] = now + p[FOUR_ACT]
    s[r + FOUR_AT] = (s[r + FOUR_AT] + 1) & (FOUR - 1)
    at = max(now + p[ACT_ACT_S], s[window + s[r + FOUR_AT]])
    if p[MANY_ACT] > 0:
        s[window + FOUR + s[r + MANY_AT]] = now + p[MANY_ACT]
        s[r + MANY_AT] = (s[r + MANY_AT] + 1) & (MANY - 1)
        at = max(at, s[window + FOUR + s[r + MANY_AT]])
    _not_before(p, s, c, rank, ACT, at)
    g = c + s[b + GROUP_AT]
    s[g + ACT] = max(s[g + ACT], now + p[ACT_ACT_L])
    s[b + OPEN_ROW], s[b + HITS] = row, 0
    s[b + OWN + ACT] = now + p[ACT_ACT_B]
    s[b + OWN + PRE] = max(s[b + OWN + PRE], now + p[ACT_PRE])
    s[b + OWN + RD], s[b + OWN + WR] = now + p[ACT_RD], now + p[ACT_WR]
    s[c + ACTIVATES] += 1
    if p[ACT_COMMAND] > 1:
        _keep_bus(p, s, c, True, not p[DUAL_COMMAND], now + p[ACT_COMMAND])


@kernel
def _keep_bus(p, s, c, rows, columns, until):
    """No row command, or no column command, of the channel before ``until``."""
    if rows:
        s[c + ROW_BUS_AT] = until
    for rank in range(p[RANKS]):
        if rows:
            _not_before(p, s, c, rank, ACT, until)
            _not_before(p, s, c, rank, PRE, until)
        if columns:
            _not_before(p, s, c, rank, RD, until)
            _not_before(p, s, c, rank, WR, until)


@inlined_kernel
def precharge(p, s, c, b, now):
    """Close the open row."""
    rank = s[b + RANK]
    standby_until(p, s, c, rank, now)
    s[c + p[AT_RANKS] + rank * RANK_FIELDS + OPEN_BANKS] -= 1
    s[b + OPEN_ROW], s[b + HITS] = -1, 0
    s[b + OWN + ACT] = max(s[b + OWN + ACT], now + p[PRE_ACT])
    if p[PRE_PRE] > 0:
        _not_before(p, s, c, rank, PRE, now + p[PRE_PRE])
    s[c + PRECHARGES] += 1


@inlined_kernel
def column(p, s, c, b, is_write, since, now):
    """A read or a write of the open row."""
    hit = 1 if s[b + HITS] > 0 else 0
    if is_write:
        to_rd_l, to_rd_s, to_rd_o = p[WR_RD_L], p[WR_RD_S], p[WR_RD_O]
        to_wr_l, to_wr_s, to_wr_o, to_pre = p[WR_WR_L], p[WR_WR_S], p[WR_WR_O], p[WR_PRE]
        s[c + WRITES] += 1
        s[c + WRITE_HITS] += hit
        s[c + LAST_WRITE] = now + p[WRITE_DELAY]
    else:
        to_rd_l, to_rd_s, to_rd_o = p[RD_RD_L], p[RD_RD_S], p[RD_RD_O]
        to_wr_l, to_wr_s, to_wr_o, to_pre = p[RD_WR], p[RD_WR], p[RD_WR_O], p[RD_PRE]
        s[c + READS] += 1
        s[c + READ_HITS] += hit
        s[c + LATENCY] += now + p[READ_DELAY] - since
        s[c + READS_OPEN] -= 1
        s[c + LAST_RETURN] = now + p[READ_DELAY]
    rank = s[b + RANK]
    first = rank - rank % p[RANKS_IN_PSEUDO] if p[PSEUDO_CHANNELS] > 1 else 0
    for other in range(first, first + p[RANKS_IN_PSEUDO]):
        _not_before(p, s, c, other, RD, now + (to_rd_s if other == rank else to_rd_o))
        _not_before(p, s, c, other, WR, now + (to_wr_s if other == rank else to_wr_o))
    g = c + s[b + GROUP_AT]
    s[g + RD], s[g + WR] = max(s[g + RD], now + to_rd_l), max(s[g + WR], now + to_wr_l)
    if p[STACK_IDS] > 1 and not is_write:
        _keep_other_stacks(p, s, c, rank, s[b + GROUP], now + p[RD_RD_R])
    if p[COLUMN_COMMAND] > 1:
        _keep_bus(p, s, c, not p[DUAL_COMMAND], True, now + p[COLUMN_COMMAND])
    s[b + HITS] += 1
    s[b + OWN + PRE] = max(s[b + OWN + PRE], now + to_pre)


@kernel
def _keep_other_stacks(p, s, c, rank, group, at):
    """No read of other stack IDs of the rank before ``at``."""
    first = rank * p[GROUPS]
    for other in range(first, first + p[GROUPS]):
        if (other - group) % p[STACK_IDS] != 0:
            g = c + p[AT_GROUPS] + other * KINDS
            s[g + RD] = max(s[g + RD], at)


@kernel
def refresh(p, s, c, now):
    """Go on with the refresh that is due: close a bank, or refresh.

    Returns whether a command was given now, when the next can be, and the bank that was closed (-1: none).
    """
    rank = s[c + REFRESH_RANK]
    s[c + REFRESHING] = rank
    r = c + p[AT_RANKS] + rank * RANK_FIELDS
    at, all_at, first = FOREVER, s[r + REFRESH_AT], rank * p[BANKS]
    for bank in range(first, first + p[BANKS]):
        b = c + p[AT_BANKS] + bank * BANK_FIELDS
        if s[b + OPEN_ROW] >= 0:
            closes = first_clock(s, c, b, PRE)
            if closes <= now:
                precharge(p, s, c, b, now)
                return True, now, bank
            at = min(at, closes)
        else:
            all_at = max(all_at, s[b + OWN + ACT] + p[ACT_COMMAND] - 1)
    if s[r + OPEN_BANKS] > 0:
        return False, at, -1
    if all_at > now:
        return False, all_at, -1
    _not_before(p, s, c, rank, ACT, now + p[REF_ACT])
    s[r + REFRESH_AT] = now + p[REF_ACT]
    s[c + REFRESHES_DUE] -= 1
    s[c + REFRESHING] = -1
    s[c + REFRESH_RANK] = (rank + 1) % p[RANKS]
    s[c + REFRESHES] += 1
    return True, now, -1


@kernel
def refresh_together(p, s, c, now):
    """Go on with the refresh that is due: precharge all banks of the rank with one command, or refresh.

    Returns whether a command was given now, and when the next can be; banks that a request waits for with its row open
    (``LENGTH`` is not 0) are served first.
    """
    rank = s[c + REFRESH_RANK]
    r, first = c + p[AT_RANKS] + rank * RANK_FIELDS, rank * p[BANKS]
    is_open = s[r + OPEN_BANKS] > 0
    at = s[c + ROW_BUS_AT]
    for bank in range(first, first + p[BANKS]):
        b = c + p[AT_BANKS] + bank * BANK_FIELDS
        if not is_open:  # what an activation takes of the bus longer than a refresh is in its distance to a precharge
            at = max(at, s[b + OWN + ACT] + p[ACT_COMMAND] - 1)
        elif s[b + OPEN_ROW] >= 0:
            if s[b + LENGTH] > 0:
                return False, FOREVER
            at = max(at, first_clock(s, c, b, PRE))
    if at > now:
        return False, at
    if is_open:
        before = s[c + PRECHARGES]
        for bank in range(first, first + p[BANKS]):
            b = c + p[AT_BANKS] + bank * BANK_FIELDS
            if s[b + OPEN_ROW] >= 0:
                precharge(p, s, c, b, now)
                s[b + OWN + ACT] = max(s[b + OWN + ACT], now + p[PRE_ALL_ACT])
        s[c + PRECHARGES] = before + 1
        return True, now
    _not_before(p, s, c, rank, ACT, now + p[REF_ACT])
    s[c + REFRESHES_DUE] -= 1
    s[c + REFRESH_RANK] = (rank + 1) % p[RANKS]
    s[c + REFRESHES] += 1
    return True, now
