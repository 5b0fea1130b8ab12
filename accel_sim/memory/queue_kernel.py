"""Kernel: the queues of a channel's memory controller.

``s`` is the state and ``p`` the parameters (:mod:`accel_sim.memory.controller_layout`), ``c`` the start of the
channel's block in ``s`` and ``b`` that of a bank's record.
"""

from __future__ import annotations

from accel_sim.jit import inlined_kernel, kernel
from accel_sim.memory.controller_layout import (
    AT_ACTIVE,
    AT_BANKS,
    AT_QUEUES,
    BANK_FIELDS,
    BANK_QUEUE,
    BUSY_BANKS,
    COUNT,
    FREE,
    HEAD,
    IN_BANKS,
    IN_ORDER,
    LENGTH,
    Q_BACK,
    Q_BANK,
    Q_FIELDS,
    Q_LINK,
    Q_SINCE,
    Q_WHAT,
    QUEUE,
    READS_OPEN,
    SCHEDULER,
    STUCK,
    TAIL,
    UNIFIED,
    WAITING,
)  # fmt: skip

__all__ = ["busy", "enqueue", "has_room", "not_busy", "unlink"]


@inlined_kernel
def has_room(p, s, c, is_write):
    """Whether a channel takes another read or write."""
    kind = 1 if is_write and p[SCHEDULER] != IN_ORDER else 0
    waiting = s[c + COUNT + kind]
    if p[UNIFIED]:
        waiting += s[c + IN_BANKS + kind]
    return waiting < p[QUEUE]


@inlined_kernel
def enqueue(p, s, c, bank, row, is_write, now):
    """Put a request behind the others; there must be room."""
    kind = 1 if is_write and p[SCHEDULER] != IN_ORDER else 0
    queue = c + p[AT_QUEUES] + kind * p[QUEUE] * Q_FIELDS
    slot = s[c + FREE + kind]
    q = queue + slot * Q_FIELDS
    s[c + FREE + kind] = s[q + Q_LINK]
    s[q + Q_BANK], s[q + Q_WHAT], s[q + Q_SINCE], s[q + Q_LINK] = bank, row * 2 + (1 if is_write else 0), now, -1
    last = s[q + Q_BACK] = s[c + TAIL + kind]
    if last >= 0:
        s[queue + last * Q_FIELDS + Q_LINK] = slot
    else:
        s[c + HEAD + kind] = slot
    s[c + TAIL + kind] = slot
    s[c + COUNT + kind] += 1
    b = c + p[AT_BANKS] + bank * BANK_FIELDS
    s[b + WAITING + kind] += 1
    if s[b + LENGTH] == p[BANK_QUEUE]:
        s[c + STUCK + kind] += 1
    if not is_write:
        s[c + READS_OPEN] += 1


@inlined_kernel
def unlink(p, s, c, kind, slot):
    """Take a request out of its list."""
    queue = c + p[AT_QUEUES] + kind * p[QUEUE] * Q_FIELDS
    q = queue + slot * Q_FIELDS
    after, before = s[q + Q_LINK], s[q + Q_BACK]
    if before < 0:
        s[c + HEAD + kind] = after
    else:
        s[queue + before * Q_FIELDS + Q_LINK] = after
    if after < 0:
        s[c + TAIL + kind] = before
    else:
        s[queue + after * Q_FIELDS + Q_BACK] = before
    s[q + Q_LINK] = s[c + FREE + kind]
    s[c + FREE + kind] = slot
    s[c + COUNT + kind] -= 1


@kernel
def busy(p, s, c, bank):
    """Put a bank into the list of those with requests, which is in order."""
    active, place = c + p[AT_ACTIVE], s[c + BUSY_BANKS]
    while place > 0 and s[active + place - 1] > bank:
        s[active + place] = s[active + place - 1]
        place -= 1
    s[active + place] = bank
    s[c + BUSY_BANKS] += 1


@kernel
def not_busy(p, s, c, bank):
    """Take a bank out of that list."""
    active, place = c + p[AT_ACTIVE], 0
    while s[active + place] != bank:
        place += 1
    s[c + BUSY_BANKS] -= 1
    for i in range(active + place, active + s[c + BUSY_BANKS]):
        s[i] = s[i + 1]
