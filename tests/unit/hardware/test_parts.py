"""DRAM parts: derived figures, agreement with the tools that they were taken from, and wrong files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from accel_sim.errors import HardwareError
from accel_sim.memory.parts import PARTS_DIRECTORY, DramPart, list_parts, load_part
from tests.shared_files import shared_path

DRAMSIM3 = {
    "ddr3_1600": "DDR3_8Gb_x8_1600",
    "ddr4_2400": "DDR4_8Gb_x16_2400",
    "ddr4_3200": "DDR4_8Gb_x8_3200",
    "gddr6_12000": "GDDR6_8Gb_x16",
    "hbm2_2000": "HBM2_8Gb_x128",
}
RAMULATOR2 = {"lpddr5_6400": "LPDDR5", "hbm3_6400": "HBM3"}
# Our name without _ck -> DRAMsim3's names, Ramulator's names; the first that the source has counts.
TIMING = {
    "tcl": (("CL",), ("nCL",)),
    "tcwl": (("CWL",), ("nCWL",)),
    "trcd": (("tRCDRD", "tRCD"), ("nRCDRD", "nRCD")),
    "trcdwr": (("tRCDWR",), ("nRCDWR",)),
    "trp": (("tRP",), ("nRP",)),
    "trpab": ((), ("nRPab",)),
    "tras": (("tRAS",), ("nRAS",)),
    "tccd_s": (("tCCD_S",), ("nCCDS",)),
    "tccd_l": (("tCCD_L",), ("nCCDL",)),
    "trrd_s": (("tRRD_S",), ("nRRDS",)),
    "trrd_l": (("tRRD_L",), ("nRRDL",)),
    "tfaw": (("tFAW",), ("nFAW",)),
    "trtp": (("tRTP_L", "tRTP"), ("nRTP",)),
    "twr": (("tWR",), ("nWR",)),
    "twtr_s": (("tWTR_S",), ("nWTRS",)),
    "twtr_l": (("tWTR_L",), ("nWTRL",)),
    "trtrs": (("tRTRS",), ("nCS",)),
    "tppd": (("tPPD",), ("nPPD",)),
    "trefi": (("tREFI", "REFI"), ("nREFI",)),
    "trfc": (("tRFC",), ("nRFC",)),
    "trefipb": (("tREFIb",), ("nREFIpb",)),
    "trfcpb": (("tRFCb",), ("nRFCpb",)),
}


def parameters(file: str, column: str, name: str) -> dict[str, str]:
    with shared_path(f"golden/{file}").open(newline="") as stream:
        return {row["key"]: row["value"] for row in csv.DictReader(stream) if row[column] == name}


def compare_timing(part: DramPart, given: dict[str, str], column: int) -> None:
    assert part.timing is not None
    for ours, sources in TIMING.items():
        value = getattr(part.timing, f"{ours}_ck")
        known = [given[name] for name in sources[column] if name in given]
        assert value == (int(known[0]) if known else None), ours


@pytest.mark.parametrize("name", DRAMSIM3)
def test_timing_is_dramsim3s(name: str) -> None:
    part, given = load_part(name), parameters("dramsim3_params.csv", "config", DRAMSIM3[name])
    compare_timing(part, given, 0)
    assert part.timing is not None
    assert part.timing.tck_ns == pytest.approx(float(given["tCK"]), rel=0.01)
    assert part.burst_length == int(given["BL"])
    assert (part.bank_groups, part.banks) == (
        int(given["bankgroups"]),
        int(given["bankgroups"]) * int(given["banks_per_group"]),
    )
    assert part.rows == int(given["rows"])


@pytest.mark.parametrize("name", RAMULATOR2)
def test_timing_is_ramulator2s(name: str) -> None:
    part, given = load_part(name), parameters("ramulator2_params.csv", "standard", RAMULATOR2[name])
    compare_timing(part, given, 1)
    assert part.timing is not None
    assert part.timing.tck_ns * 1000 == int(given["tCK_ps"])
    assert part.data_rate_mtps == int(given["rate"])
    assert part.bus_bits == int(given["channel_width"]) * part.pseudo_channels
    assert part.rows == int(given["row"])
    assert part.row_bytes == int(given["column"]) * int(given["channel_width"]) // 8


@pytest.mark.parametrize(
    ("name", "peak_gb_per_s", "burst_bytes"),
    [
        ("ddr3_1600", 12.8, 64),
        ("ddr3_2133", 17.064, 64),
        ("ddr4_2400", 19.2, 64),
        ("ddr4_3200", 25.6, 64),
        ("lpddr4_3200", 6.4, 32),
        ("lpddr4x_4266", 8.532, 32),
        ("lpddr5_6400", 12.8, 32),
        ("gddr6_12000", 24.0, 32),
        ("hbm2_2000", 32.0, 64),
        ("hbm3_6400", 51.2, 32),
        ("ideal", float("inf"), 32),
    ],
)
def test_rate_and_burst(name: str, peak_gb_per_s: float, burst_bytes: int) -> None:
    part = load_part(name)
    assert part.peak_gb_per_s == pytest.approx(peak_gb_per_s)
    assert part.burst_bytes == burst_bytes
    assert part.name == name


def test_every_part_is_in_the_table_above() -> None:
    assert len(list_parts()) == 11


def test_derived_times() -> None:
    part = load_part("ddr4_3200")
    assert part.latency_ns == pytest.approx((22 + 22) * 0.625 + 8 / 3.2)
    assert part.refresh_efficiency == pytest.approx(1 - 560 / 12480)
    assert part.refresh_interval_ns == pytest.approx(7800)


def test_the_ideal_part_never_makes_anyone_wait() -> None:
    part = load_part("ideal")
    assert (part.latency_ns, part.burst_ns, part.refresh_efficiency) == (0, 0, 1)
    assert part.refresh_interval_ns == float("inf")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("  tcl_ck: 22", "  tcl_ck: -1", "16:11: timing.tcl_ck: holds -1; allowed: an integer from 0 to 100000"),
        ("  tcl_ck: 22", "  tcl: 22\n  tcl_ck: 22", "16:3: timing.tcl: unknown field; did you mean 'tcl_ck'?"),
        (
            "trfc_ck: 560",
            "trfc_ck: 12480",
            "15:3: timing: trfc_ck holds 12480; allowed: at most half of trefi_ck = 12480",
        ),
        ("value: 11", "value: 40", "43:3: energy_pj_per_bit: value holds 40; allowed: from low = 4.5 to high = 25"),
        (
            "burst_length: 8",
            "burst_length: 8\npseudo_channels: 3",
            "2:1: burst_length holds 8; allowed: whole bytes a burst of 64 bits a beat and 3 pseudo-channels",
        ),
        ("rows: ", "stack_ids: 3\nrows: ", "2:1: bank_groups holds 4; allowed: a multiple of stack_ids = 3"),
        ("banks: 16", "banks: 15", "2:1: banks holds 15; allowed: a multiple of bank_groups = 4"),
        (
            "data_rate_mtps: 3200",
            "data_rate_mtps: null",
            "2:1: data_rate_mtps and timing: one of them is null; allowed: both (an ideal part) or none",
        ),
        ("bus_bits: 64\n", "", "1:1: bus_bits: is missing; needed: an integer from 4 to 1024"),
    ],
)
def test_wrong_part(old: str, new: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "part.yaml"
    content = (PARTS_DIRECTORY / "ddr4_3200.yaml").read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(HardwareError) as caught:
        load_part(path)
    assert str(caught.value) == f"{path}:{text}"


def test_unknown_part() -> None:
    with pytest.raises(
        HardwareError, match=r"^'ddr4_3201' is no DRAM part and no file; did you mean 'ddr4_3200'\? parts: ddr3"
    ):
        load_part("ddr4_3201")
