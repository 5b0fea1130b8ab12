"""Named arrays of several parts in one flat mapping, as safetensors files hold them: ``part.name``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "join", "part_of"]

Arrays = Mapping[str, NDArray[np.generic]]


def join(parts: Mapping[str, Arrays]) -> dict[str, NDArray[np.generic]]:
    """All arrays of all ``parts`` under ``part.name``."""
    return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}


def part_of(arrays: Arrays, part: str) -> dict[str, NDArray[np.generic]]:
    """The arrays of one part under their own names: the inverse of :func:`join`."""
    return {name.removeprefix(f"{part}."): a for name, a in arrays.items() if name.startswith(f"{part}.")}
