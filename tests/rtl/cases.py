"""The products that the RTL tests run: some chosen ones, and random ones that lean towards awkward shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.rtl.rtl_array import RtlCase

__all__ = ["CHOSEN", "chosen_case", "operands", "random_case"]

# name: (m, n, k, machine). Every arithmetic, dataflow and overlap is in one of them; dims of 1 and partial folds too.
# The term-serial ones are sparse enough to run into full FIFOs: their cycles depend on the depth.
CHOSEN: dict[str, tuple[int, int, int, dict[str, Any]]] = {
    "ws_parallel_none": (7, 5, 9, {"rows": 4, "cols": 3, "fold_overlap": "none"}),
    "ws_serial_act_preload": (5, 6, 13, {"rows": 3, "cols": 4, "lanes": 2, "arithmetic": "serial_act"}),
    "ws_term_serial_preload": (12, 3, 10, {"rows": 4, "cols": 2, "arithmetic": "term_serial_act"}),
    "ws_term_serial_full": (
        8,
        5,
        23,
        {
            "rows": 5,
            "cols": 2,
            "lanes": 2,
            "arithmetic": "term_serial_act",
            "encoding": "csd",
            "fifo_depth": 2,
            "fold_overlap": "full",
            "a_signed": True,
        },
    ),
    "os_serial_act_preload": (6, 5, 7, {"rows": 4, "cols": 3, "dataflow": "os", "arithmetic": "serial_act"}),
    "os_term_serial_preload": (7, 3, 12, {"rows": 4, "cols": 2, "dataflow": "os", "arithmetic": "term_serial_act"}),
    "os_term_serial_full": (
        9,
        3,
        2,
        {"rows": 4, "cols": 2, "dataflow": "os", "arithmetic": "term_serial_act", "fold_overlap": "full"},
    ),
    "os_one_row_one_column": (3, 1, 1, {"rows": 1, "cols": 1, "dataflow": "os", "fold_overlap": "full"}),
}


def operands(rng: np.random.Generator, shape: tuple[int, int], bits: int, signed: bool) -> NDArray[np.int64]:
    """Integers drawn uniformly from the range of ``bits``; one signed bit gives −1 and +1."""
    if signed and bits == 1:
        return 2 * rng.integers(0, 2, shape) - 1
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    return rng.integers(low, high, shape)


def chosen_case(name: str) -> RtlCase:
    """One of :data:`CHOSEN`; operands from a fixed seed, half of the activations zero."""
    m, n, k, machine = CHOSEN[name]
    rng = np.random.default_rng(2)
    activations = operands(rng, (m, k), 8, machine.get("a_signed", False)) * (rng.random((m, k)) >= 0.5)
    return RtlCase(activations, operands(rng, (k, n), 8, signed=True), **machine)


def random_case(seed: int) -> RtlCase:
    """A small product on a small array; every eighth has all-zero activations, many have sparse ones or dims of 1."""
    rng = np.random.default_rng(seed)

    def size(most: int) -> int:
        return 1 if rng.random() < 0.2 else int(rng.integers(1, most + 1))

    def bits() -> int:
        return int(rng.choice([1, 2, 3, 4, 5, 8, 8, 8, 11]))

    dataflow, arithmetic = (
        str(rng.choice(["ws", "ws", "os"])),
        str(rng.choice(["parallel", "serial_act", "term_serial_act", "term_serial_act"])),
    )
    overlaps = ["none", "preload", "full", "full"]
    overlap = str(rng.choice(overlaps))
    a_bits, w_bits, a_signed, w_signed = bits(), bits(), bool(rng.integers(2)), bool(rng.integers(2))
    m, n, k = size(14), size(9), size(30)
    activations = operands(rng, (m, k), a_bits, a_signed)
    if not (a_signed and a_bits == 1):  # ±1 knows no zero
        activations *= rng.random((m, k)) >= rng.choice([0.0, 0.0, 0.5, 0.9])
        activations *= seed % 8 != 0
    return RtlCase(
        activations,
        operands(rng, (k, n), w_bits, w_signed),
        rows=size(6),
        cols=size(4),
        lanes=int(rng.choice([1, 1, 2, 3])),
        dataflow=dataflow,  # type: ignore[arg-type]
        arithmetic=arithmetic,  # type: ignore[arg-type]
        digit_bits=int(rng.choice([1, 1, 2, 3])),
        encoding=str(rng.choice(["bits", "csd"])),  # type: ignore[arg-type]
        fifo_depth=int(rng.integers(1, 5)),
        fold_overlap=overlap,  # type: ignore[arg-type]
        a_bits=a_bits,
        w_bits=w_bits,
        a_signed=a_signed,
        w_signed=w_signed,
    )
