"""DRAMsim3's configurations as parts of this project, by the rules of its ``configuration.cc``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.memory.parts import DramPart

__all__ = ["Dramsim3Setup", "dramsim3_setup"]

DEFAULTS = {
    "CL": 12, "CWL": 12, "tRCD": 10, "tRCDRD": 24, "tRCDWR": 20, "tRP": 10, "tRAS": 24, "tCCD_S": 4, "tCCD_L": 6,
    "tRRD_S": 4, "tRRD_L": 4, "tFAW": 50, "tRTP": 5, "tWR": 10, "tWTR_S": 5, "tWTR_L": 5, "tRTRS": 2, "tREFI": 7800,
    "tRFC": 74, "tPPD": 0, "t32AW": 330, "rows": 65536, "columns": 1024, "device_width": 8, "bus_width": 64, "BL": 8,
    "bankgroups": 2, "banks_per_group": 2, "channel_size": 1024, "channels": 1,
}  # fmt: skip
"""What it takes for keys that a configuration lacks (one misspells tREFI)."""


@dataclass(frozen=True)
class Dramsim3Setup:
    """A part, how many channels of it, and the address map."""

    part: DramPart
    channels: int
    address_map: str


def dramsim3_setup(params: Path, config: str) -> Dramsim3Setup:
    """The set-up of one configuration of ``dramsim3_params.csv``."""
    with params.open(encoding="utf-8", newline="") as file:
        own = {row["key"]: row["value"] for row in csv.DictReader(file) if row["config"] == config}

    def number(key: str) -> int:
        return int(float(own.get(key, DEFAULTS[key])))

    protocol = own["protocol"]
    gddr, hbm = protocol.startswith("GDDR"), protocol.startswith("HBM")
    burst, width, bus = number("BL"), number("device_width"), number("bus_width")
    groups, per_group = number("bankgroups"), number("banks_per_group")
    if own.get("bankgroup_enable") == "false":
        groups, per_group = 1, per_group * groups
    columns = number("columns") * (burst if gddr else 2 if hbm else 1)
    page, devices = columns * width // 8, bus // width
    rank_mb = page * (number("rows") // 1024) // 1024 * groups * per_group * devices
    clocks = burst // 16 if protocol == "GDDR6" else burst // 2
    tck = float(own["tCK"])
    timing: dict[str, Any] = {
        "tck_ns": tck,
        "tcl_ck": number("CL"),
        "tcwl_ck": number("CWL"),
        "trcd_ck": number("tRCDRD" if gddr or hbm else "tRCD"),
        **{
            f"{name.lower()}_ck": number(name)
            for name in (
                "tRP", "tRAS", "tCCD_S", "tCCD_L", "tRRD_S", "tRRD_L", "tFAW", "tRTP", "tWR", "tWTR_S", "tWTR_L",
                "tRTRS", "tREFI", "tRFC",
            )
        },
    }  # fmt: skip
    if gddr or hbm:
        timing["trcdwr_ck"] = number("tRCDWR")
    if gddr:
        timing["t32aw_ck"] = number("t32AW")
    if gddr or protocol == "LPDDR4":
        timing["tppd_ck"] = number("tPPD")
    currents = ("IDD0", "IDD2N", "IDD3N", "IDD4R", "IDD4W", "IDD5AB")
    part = DramPart.model_validate(
        {
            "name": config,
            "standard": protocol,
            "sources": ["DRAMsim3"],
            "data_rate_mtps": burst / (clocks * tck) * 1e3,
            "bus_bits": bus,
            "burst_length": burst,
            "ranks": max(1, number("channel_size") // rank_mb),
            "bank_groups": groups,
            "banks": groups * per_group,
            "rows": number("rows"),
            "row_bytes": page * devices,
            "timing": timing,
            "power": {
                "device_bits": width,
                "vdd_v": float(own["VDD"]),
                **{f"{name.lower()}_ma": float(own[name]) for name in currents},
            },
            "energy_pj_per_bit": {"value": 1.0, "low": 1.0, "high": 1.0, "source": "not used"},
        }
    )
    return Dramsim3Setup(part, number("channels"), own["address_mapping"])
