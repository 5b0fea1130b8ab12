"""Address maps: which bits of an address choose row, channel, rank, bank, bank group and column."""

from __future__ import annotations

from accel_sim.errors import HardwareError
from accel_sim.memory.controller_layout import (
    FIELD_BANK,
    FIELD_CHANNEL,
    FIELD_COLUMN,
    FIELD_GROUP,
    FIELD_RANK,
    FIELD_ROW,
)
from accel_sim.memory.parts import DramPart

__all__ = ["FIELDS", "check_address_map", "map_fields"]

FIELDS = {
    "ro": FIELD_ROW,
    "ch": FIELD_CHANNEL,
    "ra": FIELD_RANK,
    "ba": FIELD_BANK,
    "bg": FIELD_GROUP,
    "co": FIELD_COLUMN,
}
"""Names of two letters, as DRAMsim3 writes them."""
IN_BURST = -1


def check_address_map(text: str) -> None:
    """Make sure that a map names every field once.

    Raises:
        HardwareError: it does not.

    >>> check_address_map("rochrababgco")
    """
    names = [text[at : at + 2] for at in range(0, len(text), 2)]
    if sorted(names) != sorted(FIELDS):
        raise HardwareError(
            f"address_map holds '{text}'; allowed: {', '.join(FIELDS)} once each, from the most significant"
        )


def map_fields(text: str, part: DramPart, channels: int) -> list[int]:
    """Field, size and binary logarithm of the size of each part of an address, from the least significant on.

    The first part is the place in a burst; a logarithm is -1 where the size is no power of two.

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
    names = [text[at : at + 2] for at in range(len(text) - 2, -1, -2)]
    steps = [(IN_BURST, part.burst_bytes), *((FIELDS[name], sizes[name]) for name in names)]
    return [value for field, size in steps for value in (field, size, _bits(size))]


def _bits(size: int) -> int:
    return size.bit_length() - 1 if size & (size - 1) == 0 else -1
