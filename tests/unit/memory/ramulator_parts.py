"""Ramulator 2's presets as parts of this project, and its controllers as settings."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.memory.cycle_level import ControllerSettings
from accel_sim.memory.parts import DramPart

__all__ = ["CLOCKS_PER_CK", "EQUAL", "ramulator_part", "ramulator_settings", "ramulator_trace"]

BURST_LENGTHS = {"DDR4": 8, "DDR5": 16, "LPDDR5": 16, "HBM2": 4, "HBM3": 8}
WINDOW = 32
"""Entries of its read buffer and of its write buffer."""
EQUAL = ("DDR4", "DDR5", "HBM2")
"""Standards whose runs must be equal in every clock. HBM3's precharges take half a clock, its activations 1.5; LPDDR5's
controller may put other commands between the two of an activation, and synchronises WCK."""
CLOCKS_PER_CK = {"HBM3": 2}
"""HBM3's controller counts halves of CK (``tick_multiplier = 2`` in ``hbm3.py``); the others count CK."""
COMMAND_CK = {"DDR5": (2, 2), "LPDDR5": (2, 1), "HBM2": (2, 1), "HBM3": (2, 1)}
"""Clocks of an activation and of a column command (``command_cycles``); LPDDR5's ACT-1 and ACT-2 are two commands."""
FROM_FIRST_CLOCK = ("LPDDR5",)
"""Its timing counts from an activation's first clock, not from the last as the other standards' and ours."""
READ_TO_WRITE_GAP_CK = {"DDR5": 4}
"""Between the data of a read and those of a write; 2 in the other standards' files."""
TIMING = {
    "tcl": "nCL", "tcwl": "nCWL", "trp": "nRP", "tras": "nRAS", "trc": "nRC", "tccd_s": "nCCDS", "tccd_l": "nCCDL",
    "trrd_s": "nRRDS", "trrd_l": "nRRDL", "tfaw": "nFAW", "twr": "nWR", "twtr_s": "nWTRS", "twtr_l": "nWTRL",
    "trefi": "nREFI", "trfc": "nRFC",
}  # fmt: skip
OPTIONAL_TIMING = {
    "trcdwr": "nRCDWR", "tccd_l_wr": "nCCDL_WR", "tppd": "nPPD", "trtw": "nRTW", "tccd_r": "nCCDR",
    "trpab": "nRPab",
}  # fmt: skip


def ramulator_part(params: Path, standard: str) -> DramPart:
    """The part of a standard in ``ramulator2_params.csv``."""
    with params.open(encoding="utf-8", newline="") as file:
        own = {row["key"]: int(float(row["value"])) for row in csv.DictReader(file) if row["standard"] == standard}
    stacks, pseudo_channels = own.get("sid", 1), own.get("pseudochannel", 1)
    tck_ns, length, burst = own["tCK_ps"] / 1e3, BURST_LENGTHS[standard], own.get("nBL", own.get("nBL_min", 0))
    return DramPart.model_validate(
        {
            "name": standard,
            "standard": f"{standard} of Ramulator",
            "sources": ["Ramulator 2.1"],
            "data_rate_mtps": length / (burst * tck_ns) * 1e3,
            "bus_bits": own["channel_width"] * pseudo_channels,
            "pseudo_channels": pseudo_channels,
            "burst_length": length,
            "ranks": own.get("rank", 1),
            "stack_ids": stacks,
            "bank_groups": own["bankgroup"] * stacks,
            "banks": own["bankgroup"] * own["bank"] * stacks,
            "rows": own["row"],
            "row_bytes": own["column"] * own["channel_width"] // 8,
            "timing": {"tck_ns": tck_ns, **_timing(own, standard, burst)},
            "energy_pj_per_bit": {"value": 1.0, "low": 1.0, "high": 1.0, "source": "not used"},
        }
    )


def _timing(own: dict[str, int], standard: str, burst: int) -> dict[str, Any]:
    act, column = COMMAND_CK.get(standard, (1, 1))
    gap = READ_TO_WRITE_GAP_CK.get(standard, 2)
    if standard in FROM_FIRST_CLOCK:
        own = own | {name: own[name] - act + 1 for name in ("nRCD", "nRAS")}
        own = own | {name: own[name] + act - 1 for name in ("nRP", "nRPab", "nRFC")}
    return {
        "trcd_ck": own.get("nRCD", own.get("nRCDRD")),
        "trtp_ck": own.get("nRTP", own.get("nRTPL")),
        "trtrs_ck": own.get("nCS", 0),
        "trtw_ck": own["nCL"] + burst + gap - own["nCWL"],
        "act_command_ck": act,
        "column_command_ck": column,
        **{f"{name}_ck": own[key] for name, key in TIMING.items()},
        **{f"{name}_ck": own[key] for name, key in OPTIONAL_TIMING.items() if key in own},
    }


def ramulator_settings() -> ControllerSettings:
    """First ready, first come first served over one window, ``RoBaRaCoCh``: pseudo channels are above the columns."""
    return ControllerSettings("fr_fcfs_window", "robabgchraco", queue=WINDOW)


def ramulator_trace(name: str, requests: int, part: DramPart) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Addresses and kinds of a trace that the golden folder's README describes.

    The streams of vadd begin at 0, 256 and 512 MiB; where the channel ends there, at rows of their own all the same.
    """
    burst_bytes = part.burst_bytes
    memory_bytes = part.row_bytes * part.rows * part.banks * part.ranks * part.pseudo_channels
    i = np.arange(requests, dtype=np.int64)
    if name == "vadd_2r1w":
        starts = np.array([0, 256 << 20, 512 << 20])
        if memory_bytes <= starts[2]:
            starts //= 2
        return starts[i % 3] + i // 3 * burst_bytes, i % 3 == 2
    if name.startswith("stride"):
        return i * int(name.removeprefix("stride").split("_")[0]) % (1 << 32), np.zeros(requests, np.bool_)
    return i * burst_bytes, np.full(requests, name.endswith("wr"))
