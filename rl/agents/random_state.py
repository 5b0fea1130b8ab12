"""States of random generators as plain arrays, so that a killed search resumes with the same draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["generator_state", "restore_generator"]


def generator_state(generator: np.random.Generator) -> NDArray[np.uint64]:
    """``(6,)`` words: state and increment of a PCG64, high word first, and its half-used draw."""
    state = generator.bit_generator.state
    words = [value for name in ("state", "inc") for value in divmod(state["state"][name], 1 << 64)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def restore_generator(words: NDArray[np.uint64]) -> np.random.Generator:
    """The generator whose :func:`generator_state` is ``words``."""
    high, low, inc_high, inc_low, has_half, half = (int(word) for word in words)
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": (high << 64) | low, "inc": (inc_high << 64) | inc_low},
        "has_uint32": has_half,
        "uinteger": half,
    }
    return generator
