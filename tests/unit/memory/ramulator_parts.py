"""Ramulator 2's presets as parts of this project."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.memory.cycle_level import ControllerSettings
from accel_sim.memory.parts import DramPart

__all__ = ["ramulator_part", "ramulator_settings", "ramulator_trace"]

BURST_LENGTHS = {"DDR4": 8, "DDR5": 16, "LPDDR5": 16, "HBM2": 4}
WINDOW = 32
"""Entries of its read buffer and of its write buffer."""


def ramulator_part(params: Path, standard: str) -> DramPart:
    """The part of a standard in ``ramulator2_params.csv``; pseudo channels share a data bus there, as ranks do."""
    with params.open(encoding="utf-8", newline="") as file:
        own = {row["key"]: int(float(row["value"])) for row in csv.DictReader(file) if row["standard"] == standard}
    tck_ns, length = own["tCK_ps"] / 1e3, BURST_LENGTHS[standard]
    timing = {
        "tck_ns": tck_ns,
        "trcd_ck": own.get("nRCD", own.get("nRCDRD")),
        "trtp_ck": own.get("nRTP", own.get("nRTPL")),
        "trtrs_ck": own.get("nCS", 0),
        **{
            f"{name}_ck": own[key]
            for name, key in {
                "tcl": "nCL", "tcwl": "nCWL", "trp": "nRP", "tras": "nRAS", "tccd_s": "nCCDS", "tccd_l": "nCCDL",
                "trrd_s": "nRRDS", "trrd_l": "nRRDL", "tfaw": "nFAW", "twr": "nWR", "twtr_s": "nWTRS",
                "twtr_l": "nWTRL", "trefi": "nREFI", "trfc": "nRFC",
            }.items()
        },
    }  # fmt: skip
    timing |= {
        name: own[key] for name, key in {"trcdwr_ck": "nRCDWR", "tccd_l_wr_ck": "nCCDL_WR"}.items() if key in own
    }
    return DramPart.model_validate(
        {
            "name": standard,
            "standard": f"{standard} of Ramulator",
            "sources": ["Ramulator 2.1"],
            "data_rate_mtps": length / (own.get("nBL", own.get("nBL_min", 0)) * tck_ns) * 1e3,
            "bus_bits": own["channel_width"],
            "burst_length": length,
            "ranks": own.get("rank", 1) * own.get("pseudochannel", 1),
            "bank_groups": own["bankgroup"],
            "banks": own["bankgroup"] * own["bank"],
            "rows": own["row"],
            "row_bytes": own["column"] * own["channel_width"] // 8,
            "timing": timing,
            "energy_pj_per_bit": {"value": 1.0, "low": 1.0, "high": 1.0, "source": "not used"},
        }
    )


def ramulator_settings() -> ControllerSettings:
    """FR-FCFS over one window, ``RoBaRaCoCh``."""
    return ControllerSettings(address_map="robabgracoch", queue=WINDOW, bank_queue=WINDOW, unified=True)


def ramulator_trace(name: str, requests: int, burst_bytes: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Addresses and kinds of a trace that the golden folder's README describes."""
    i = np.arange(requests, dtype=np.int64)
    if name == "vadd_2r1w":
        starts = np.array([0, 256 << 20, 512 << 20])
        return starts[i % 3] + i // 3 * burst_bytes, i % 3 == 2
    if name.startswith("stride"):
        return i * int(name.removeprefix("stride").split("_")[0]) % (1 << 32), np.zeros(requests, np.bool_)
    return i * burst_bytes, np.full(requests, name.endswith("wr"))
