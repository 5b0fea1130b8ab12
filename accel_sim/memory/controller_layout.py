"""What a memory controller remembers, as flat arrays that kernels take; every index has its name here.

Times are in clocks of the DRAM. All arrays have the channel as their first axis; banks are numbered through all ranks
and bank groups of a channel, and so are bank groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOREVER", "FR_FCFS", "IN_ORDER", "Controller", "new_controller"]

Ints = NDArray[np.int64]

FOREVER = 1 << 62
IN_ORDER, FR_FCFS = 0, 1

# Parameters of all channels: sizes ...
CHANNELS, RANKS, GROUPS, BANKS, SCHEDULER, QUEUE, BANK_QUEUE, HIT_LIMIT, WRITES_KEPT, DUAL_COMMAND = range(10)
# ... least distances between two commands (_L: same bank group, _S: same rank, _O: other rank) ...
RD_RD_L, RD_RD_S, RD_RD_O, RD_WR, RD_WR_O, RD_PRE = range(10, 16)
WR_RD_L, WR_RD_S, WR_RD_O, WR_WR_L, WR_WR_S, WR_WR_O, WR_PRE = range(16, 23)
PRE_ACT, PRE_PRE, ACT_ACT_L, ACT_ACT_S, ACT_PRE, ACT_RD, ACT_WR, REF_ACT, FOUR_ACT, MANY_ACT = range(23, 33)
# ... from a command to its last data, the time between refreshes of a channel, and the address map.
READ_DELAY, WRITE_DELAY, REFRESH_EVERY, BURST_BYTES = range(33, 37)
MAP = 37
"""Six pairs (field, size) from the least significant on."""
FIELD_CHANNEL, FIELD_RANK, FIELD_GROUP, FIELD_BANK, FIELD_ROW, FIELD_COLUMN = range(6)
PARAMETERS = MAP + 12

# Per channel.
NEXT, ROUND, DRAINING, QUEUED, STUCK, NEXT_REFRESH, REFRESH_RANK, REFRESHES_DUE, REFRESHING, READS_OPEN = range(10)
LAST_RETURN = 10
HEAD, TAIL, COUNT, FREE = 11, 13, 15, 17
"""Of the read queue, and one further on of the write queue."""
SCALARS = 19

# Per bank: the open row (-1: none), column commands since it was opened, first cycle of each command, queue length.
OPEN_ROW, HITS, BANK_ACT, BANK_PRE, BANK_RD, BANK_WR, LENGTH = range(7)
BANK_FIELDS = 7
# Per bank group and per rank: first cycle of each command.
ANY_ACT, ANY_RD, ANY_WR, ANY_PRE = range(4)
GROUP_FIELDS = 3
# Per rank further: banks that are open, cycle up to which standby is counted, cycles with an open bank and without one.
# and the places of the next activation in the rings of its windows, first cycle of the next refresh.
OPEN_BANKS, COUNTED_TO, ACTIVE, IDLE, FOUR_AT, MANY_AT, REFRESH_AT = range(4, 11)
RANK_FIELDS = 11
FOUR, MANY = 4, 32
"""Activations that tFAW and t32AW speak of."""

# Requests in the queues of a channel, and in those of its banks.
Q_BANK, Q_ROW, Q_SINCE, Q_LINK = range(4)
E_ROW, E_WRITE, E_SINCE = range(3)

# Counts per channel.
READS, WRITES, ACTIVATES, PRECHARGES, REFRESHES, READ_HITS, WRITE_HITS, LATENCY = range(8)
COUNTS = 8


class Controller(NamedTuple):
    """The state of all channels.

    Attributes:
        p: ``(PARAMETERS,)``.
        scalars: ``(channels, SCALARS)``.
        banks: ``(channels, banks, BANK_FIELDS)``.
        groups: ``(channels, groups, GROUP_FIELDS)``.
        ranks: ``(channels, ranks, RANK_FIELDS)``.
        windows: ``(channels, ranks, FOUR + MANY)`` ends of the windows of the last activations, as two rings.
        queue: ``(channels, 2, capacity, 4)`` requests that wait for their bank's queue: reads, writes; linked lists.
        entries: ``(channels, banks, depth, 3)`` requests that wait for their commands.
        counts: ``(channels, COUNTS)``.
    """

    p: Ints
    scalars: Ints
    banks: Ints
    groups: Ints
    ranks: Ints
    windows: Ints
    queue: Ints
    entries: Ints
    counts: Ints

    def copy(self) -> Controller:
        """An independent controller in the same state."""
        return Controller(*(array.copy() for array in self))


def new_controller(parameters: Ints) -> Controller:
    """A controller that has seen nothing, all banks closed."""
    p = parameters
    channels, ranks, capacity, depth = (int(p[name]) for name in (CHANNELS, RANKS, QUEUE, BANK_QUEUE))
    banks, groups = ranks * int(p[BANKS]), ranks * int(p[GROUPS])
    scalars = np.zeros((channels, SCALARS), np.int64)
    scalars[:, NEXT] = FOREVER
    scalars[:, NEXT_REFRESH] = p[REFRESH_EVERY]
    scalars[:, REFRESHING] = -1
    scalars[:, LAST_RETURN] = -1
    scalars[:, HEAD : HEAD + 4] = -1
    bank_state = np.zeros((channels, banks, BANK_FIELDS), np.int64)
    bank_state[:, :, OPEN_ROW] = -1
    queue = np.zeros((channels, 2, capacity, 4), np.int64)
    queue[:, :, :, Q_LINK] = np.append(np.arange(1, capacity), -1)
    return Controller(
        p=p,
        scalars=scalars,
        banks=bank_state,
        groups=np.zeros((channels, groups, GROUP_FIELDS), np.int64),
        ranks=np.zeros((channels, ranks, RANK_FIELDS), np.int64),
        windows=np.zeros((channels, ranks, FOUR + MANY), np.int64),
        queue=queue,
        entries=np.zeros((channels, banks, depth, 3), np.int64),
        counts=np.zeros((channels, COUNTS), np.int64),
    )
