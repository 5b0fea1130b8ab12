"""Address maps: which bits of an address choose row, channel, rank, bank, bank group and column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import HardwareError
from accel_sim.memory import controller_layout as at
from accel_sim.memory.parts import DramPart

__all__ = ["FIELDS", "check_address_map", "map_fields"]

FIELDS = {
    "ro": at.FIELD_ROW,
    "ch": at.FIELD_CHANNEL,
    "ra": at.FIELD_RANK,
    "ba": at.FIELD_BANK,
    "bg": at.FIELD_GROUP,
}
"""Names of two letters, as DRAMsim3 writes them, of the fields that choose a bank and a row; ``co`` is the column."""
COLUMN = "co"


def check_address_map(text: str) -> None:
    """Make sure that a map names every field once.

    Raises:
        HardwareError: it does not.

    >>> check_address_map("rochrababgco")
    """
    names = [text[at : at + 2] for at in range(0, len(text), 2)]
    allowed = [*FIELDS, COLUMN]
    if sorted(names) != sorted(allowed):
        raise HardwareError(
            f"address_map holds '{text}'; allowed: {', '.join(allowed)} once each, from the most significant"
        )


def map_fields(text: str, part: DramPart, channels: int) -> NDArray[np.int64]:
    """Where each field of an address stands: ``(FIELDS, MAP_ENTRIES)`` as the kernels read it.

    Args:
        text: as ``rochrababgco``.
        channels: independent channels, pseudo channels counted.
    """
    check_address_map(text)
    sizes = {
        "ro": part.rows,
        "ch": channels,
        "ra": part.ranks,
        "ba": part.banks // part.bank_groups,
        "bg": part.bank_groups,
        "co": part.row_bytes // part.burst_bytes,
    }
    found, below = np.zeros((at.FIELDS, at.MAP_ENTRIES), np.int64), part.burst_bytes
    for place in range(len(text) - 2, -1, -2):
        name = text[place : place + 2]
        size = sizes[name]
        if name in FIELDS:
            found[FIELDS[name]] = below, size, below.bit_length() - 1, size - 1
        below *= size
    return found
