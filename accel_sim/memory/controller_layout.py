"""What the memory controllers remember: one flat array that kernels take, and a name for every place in it.

Times are in clocks of the DRAM. Each channel has a block of ``p[STRIDE]`` numbers: its scalars, then records of its
ranks, bank groups and banks, its queues and counts, at the offsets that the parameters hold. Banks and bank groups are
numbered through all ranks of a channel. (One array rather than many: a kernel that is called once per command spends
more time on passing arrays than on the command.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOREVER", "FR_FCFS", "FR_FCFS_WINDOW", "IN_ORDER", "new_state", "with_offsets"]

Ints = NDArray[np.int64]

FOREVER = 1 << 62
IN_ORDER, FR_FCFS, FR_FCFS_WINDOW = 0, 1, 2

# Parameters. Sizes ...
CHANNELS, RANKS, GROUPS, BANKS, SCHEDULER, QUEUE, BANK_QUEUE, HIT_LIMIT, WRITES_KEPT, DUAL_COMMAND = range(10)
"""Of groups and banks: of a rank."""
# ... least distances between two commands (_L: same bank group, _S: same rank, _O: other rank) ...
RD_RD_L, RD_RD_S, RD_RD_O, RD_WR, RD_WR_O, RD_PRE = range(10, 16)
WR_RD_L, WR_RD_S, WR_RD_O, WR_WR_L, WR_WR_S, WR_WR_O, WR_PRE = range(16, 23)
PRE_ACT, PRE_PRE, ACT_ACT_L, ACT_ACT_S, ACT_PRE, ACT_RD, ACT_WR, REF_ACT, FOUR_ACT, MANY_ACT = range(23, 33)
# ... from a command to its last data, the time between refreshes of a channel, the size of a burst ...
READ_DELAY, WRITE_DELAY, REFRESH_EVERY, BURST_BYTES = range(33, 37)
# ... where things are in a channel's block, and its length ...
AT_RANKS, AT_WINDOWS, AT_GROUPS, AT_BANKS, AT_ACTIVE, AT_QUEUES, AT_ENTRIES, STRIDE = range(37, 45)
# ... whether requests in the banks' queues count as in the channel's; and the address map: per field the size of all
# fields below it, its own size, and both as shift and mask where all sizes are powers of two.
BANKS_IN_GROUP, UNIFIED, BY_BITS = 45, 46, 47
# (pseudo channels that a controller serves, ranks of each; clocks of the command bus that an activation and a column
# command take; stack IDs among the bank groups of a rank; from a read to one of another stack ID; from an activation
# to the next of its bank; waiting writes beyond which they are served, and below which reads are again; sets of banks)
PSEUDO_CHANNELS, RANKS_IN_PSEUDO, ACT_COMMAND, COLUMN_COMMAND = range(48, 52)
STACK_IDS, RD_RD_R, ACT_ACT_B, DRAIN_FROM, DRAIN_TO, AT_SETS, SETS = range(52, 59)
SAME_KIND, PRE_ALL_ACT, MAP = 59, 63, 64
"""``SAME_KIND + kind``: least distance of two commands of that kind in a rank; ``PRE_ALL_ACT``: ``PRE_ACT`` where one
command precharges all banks."""
FIELD_CHANNEL, FIELD_RANK, FIELD_GROUP, FIELD_BANK, FIELD_ROW = range(5)
FIELDS = 5
MAP_BELOW, MAP_SIZE, MAP_SHIFT, MAP_MASK = range(4)
MAP_ENTRIES = 4
PARAMETERS = MAP + FIELDS * MAP_ENTRIES

# Scalars of a channel ...
NEXT, ROUND, DRAINING, QUEUED, NEXT_REFRESH, REFRESH_RANK, REFRESHES_DUE, REFRESHING, READS_OPEN = range(9)
LAST_RETURN, LAST_WRITE, BUSY_BANKS = range(9, 12)
HEAD, TAIL, COUNT, FREE, STUCK, IN_BANKS = 12, 14, 16, 18, 20, 22
"""Of the read queue, and one further on of the write queue; ``STUCK``: requests whose bank's queue is full;
``IN_BANKS``: those in the banks' queues."""
# ... and its counts.
READS, WRITES, ACTIVATES, PRECHARGES, REFRESHES, READ_HITS, WRITE_HITS, LATENCY = range(24, 32)
ROW_BUS_AT = 32
"""First clock in which the row command bus is free for a refresh."""
READY_FROM = 33
"""Before this clock no bank can have a command (``fr_fcfs``)."""
SCALARS = 34

# Per rank: banks that are open, clock up to which standby is counted, clocks with an open bank and without one, places
# of the next activation in the rings of its windows, first clock of the next refresh, and of each kind of command.
OPEN_BANKS, COUNTED_TO, ACTIVE, IDLE, FOUR_AT, MANY_AT, REFRESH_AT, RANK_CLOCKS = range(8)
RANK_FIELDS = 11
FOUR, MANY = 4, 32
"""Activations that tFAW and t32AW speak of; per rank a ring of the ends of each window."""

# Kinds of commands. Per bank group the first clock of each that commands in the same group allow.
ACT, PRE, RD, WR = range(4)
KINDS = 4
SEVERAL, NOTHING = 4, 5

# Sets of up to so many banks of one rank: the rank, the first bank, and by what is next (a kind, or several) the bits
# of the banks.
BANKS_IN_SET = 32
SET_RANK, SET_BANK, SET_WANTS = range(3)
SET_FIELDS = SET_WANTS + KINDS + 1

# Per bank: the open row (-1: none), column commands since it was opened, first clock of each command that the bank
# allows, its queue (a ring: length, first place, writes in it), group and rank; the command that is next and its
# request's place behind the first; where the clocks of its group and rank and its set stand in the channel's block, and
# its bit there, kept for speed.
OPEN_ROW, HITS, OWN, LENGTH, FIRST, WRITES_IN = 0, 1, 2, 6, 7, 8
GROUP, RANK, WANT, WANT_ENTRY, GROUP_AT, RANK_AT, SET_AT, BIT = range(9, 17)
WAITING = 17
"""Reads of the bank in the channel's queue, and one further on writes."""
BANK_FIELDS = 19

# Requests in the queues of a channel (lists linked both ways), and in those of its banks; ``WHAT``: twice the row, and
# 1 more for a write.
Q_BANK, Q_WHAT, Q_SINCE, Q_LINK, Q_BACK = range(5)
Q_FIELDS = 5
E_WHAT, E_SINCE = range(2)
E_FIELDS = 2


def with_offsets(p: Ints) -> Ints:
    """The parameters with the places in a channel's block filled in."""
    ranks, groups, banks = int(p[RANKS]), int(p[RANKS] * p[GROUPS]), int(p[RANKS] * p[BANKS])
    sets = -(-int(p[BANKS]) // BANKS_IN_SET)
    sizes = {
        AT_RANKS: SCALARS,
        AT_WINDOWS: ranks * RANK_FIELDS,
        AT_GROUPS: ranks * (FOUR + MANY),
        AT_BANKS: groups * KINDS,
        AT_ACTIVE: banks * BANK_FIELDS,
        AT_SETS: banks,
        AT_QUEUES: ranks * sets * SET_FIELDS,
        AT_ENTRIES: 2 * int(p[QUEUE]) * Q_FIELDS,
        STRIDE: banks * int(p[BANK_QUEUE]) * E_FIELDS,
    }
    found, place = p.copy(), 0
    found[SETS] = ranks * sets
    for name, before in sizes.items():
        place += before
        found[name] = place
    return found


def new_state(p: Ints) -> Ints:
    """Controllers that have seen nothing, all banks closed; ``(channels · p[STRIDE],)``."""
    blocks = np.zeros((int(p[CHANNELS]), int(p[STRIDE])), np.int64)
    ranks, banks, capacity = int(p[RANKS]), int(p[RANKS] * p[BANKS]), int(p[QUEUE])
    blocks[:, NEXT] = FOREVER
    blocks[:, NEXT_REFRESH] = p[REFRESH_EVERY]
    blocks[:, REFRESHING] = blocks[:, LAST_RETURN] = blocks[:, LAST_WRITE] = -1
    blocks[:, HEAD : HEAD + 4] = -1
    records = np.zeros((banks, BANK_FIELDS), np.int64)
    records[:, OPEN_ROW] = -1
    records[:, WANT] = NOTHING
    records[:, GROUP] = np.arange(banks) // (p[BANKS] // p[GROUPS])
    records[:, RANK] = np.arange(banks) // p[BANKS]
    sets = int(p[SETS]) // ranks
    own = np.arange(banks) % p[BANKS]
    records[:, GROUP_AT] = p[AT_GROUPS] + records[:, GROUP] * KINDS
    records[:, RANK_AT] = p[AT_RANKS] + records[:, RANK] * RANK_FIELDS + RANK_CLOCKS
    records[:, SET_AT] = p[AT_SETS] + (records[:, RANK] * sets + own // BANKS_IN_SET) * SET_FIELDS
    records[:, BIT] = 1 << own % BANKS_IN_SET
    blocks[:, p[AT_BANKS] : p[AT_ACTIVE]] = records.reshape(-1)
    masks = np.zeros((ranks, sets, SET_FIELDS), np.int64)
    masks[:, :, SET_RANK] = np.arange(ranks)[:, None]
    masks[:, :, SET_BANK] = masks[:, :, SET_RANK] * p[BANKS] + np.arange(sets) * BANKS_IN_SET
    blocks[:, p[AT_SETS] : p[AT_QUEUES]] = masks.reshape(-1)
    queues = np.zeros((2, capacity, Q_FIELDS), np.int64)
    queues[:, :, Q_LINK] = np.append(np.arange(1, capacity), -1)
    blocks[:, p[AT_QUEUES] : p[AT_ENTRIES]] = queues.reshape(-1)
    assert p[AT_WINDOWS] == p[AT_RANKS] + ranks * RANK_FIELDS
    return blocks.reshape(-1)
