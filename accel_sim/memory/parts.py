"""DRAM parts: organisation, timing and energy of one channel, from ``hwconfigs/dram/*.yaml``.

Timing parameters carry their datasheet's name with the unit behind it (``trcd_ck``: tRCD in clocks of ``tck_ns``).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import suggestion, validate
from accel_sim.hardware.document import read_document
from accel_sim.hardware.schema import Section

__all__ = ["DramEnergy", "DramPart", "DramPower", "DramTiming", "list_parts", "load_part"]

PARTS_DIRECTORY = Path(__file__).resolve().parents[2] / "hwconfigs" / "dram"
Milliamperes = Annotated[float, Field(ge=0, le=100_000)]
Clocks = Annotated[int, Field(ge=0, le=100_000)]


class DramTiming(Section):
    """Timing constraints in clocks. Without bank groups the short (_s) and long (_l) forms are equal."""

    tck_ns: Annotated[float, Field(gt=0, le=100)]
    """Clock period in ns; all other parameters count this clock."""
    tcl_ck: Clocks
    """CL: read command to first data."""
    tcwl_ck: Clocks
    """CWL: write command to first data."""
    trcd_ck: Clocks
    """Activate to read."""
    trcdwr_ck: Clocks | None = None
    """Activate to write, where it differs from ``trcd_ck``."""
    trp_ck: Clocks
    """Precharge of one bank to activate."""
    trpab_ck: Clocks | None = None
    """Precharge of all banks to activate, where it differs from ``trp_ck``; ``fr_fcfs_window`` precharges so before a
    refresh, the other schedulers bank by bank."""
    tras_ck: Clocks
    """Activate to precharge."""
    trc_ck: Clocks | None = None
    """Activate to activate of one bank, where it is more than ``tras_ck + trp_ck``."""
    tccd_s_ck: Clocks
    """Column command to column command, other bank group."""
    tccd_l_ck: Clocks
    """Column command to column command, same bank group."""
    tccd_l_wr_ck: Clocks | None = None
    """Write to write, same bank group, where it differs from ``tccd_l_ck``."""
    trrd_s_ck: Clocks
    """Activate to activate, other bank group."""
    trrd_l_ck: Clocks
    """Activate to activate, same bank group."""
    tfaw_ck: Clocks
    """Window of at most four activates."""
    t32aw_ck: Clocks | None = None
    """Window of at most 32 activates (GDDR)."""
    trtp_ck: Clocks
    """Read to precharge."""
    twr_ck: Clocks
    """Last write data to precharge."""
    twtr_s_ck: Clocks
    """Last write data to read, other bank group."""
    twtr_l_ck: Clocks
    """Last write data to read, same bank group."""
    trtw_ck: Clocks | None = None
    """Read to write, where it is more than CL + burst + tRTRS - CWL."""
    tccd_r_ck: Clocks | None = None
    """Read to read of another stack ID, where it differs from ``tccd_s_ck``."""
    act_command_ck: Annotated[int, Field(ge=1, le=8)] = 1
    """Clocks that an activate takes on the command bus; its timing counts from the last of them."""
    column_command_ck: Annotated[int, Field(ge=1, le=8)] = 1
    """Clocks that a read or a write takes on the command bus; its timing counts from the last of them."""
    trtrs_ck: Clocks | None = None
    """Data of one rank to data of another."""
    tppd_ck: Clocks | None = None
    """Precharge to precharge."""
    trefi_ck: Annotated[int, Field(ge=1, le=1_000_000)]
    """Average interval between refresh commands."""
    trfc_ck: Clocks
    """Refresh of all banks to the next command."""
    trefipb_ck: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Average interval between refreshes of single banks; for the record, as the next: all banks are refreshed here."""
    trfcpb_ck: Clocks | None = None
    """Refresh of one bank to the next command to it."""

    @model_validator(mode="after")
    def _refresh_leaves_time(self) -> Self:
        if 2 * self.trfc_ck > self.trefi_ck:
            raise ValueError(f"trfc_ck holds {self.trfc_ck}; allowed: at most half of trefi_ck = {self.trefi_ck}")
        return self


class DramEnergy(Section):
    """Energy per transferred bit, device and interface together, with the spread of its sources."""

    value: Annotated[float, Field(gt=0, le=1000)]
    """What the energy model takes, pJ per bit."""
    low: Annotated[float, Field(gt=0, le=1000)]
    """Lowest figure of the sources, pJ per bit."""
    high: Annotated[float, Field(gt=0, le=1000)]
    """Highest figure of the sources, pJ per bit."""
    source: str
    """Where the figures come from."""

    @model_validator(mode="after")
    def _value_in_range(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value holds {self.value:g}; allowed: from low = {self.low:g} to high = {self.high:g}")
        return self


class DramPower(Section):
    """Supply currents of one device by the datasheet's names, for energy by the IDD method."""

    device_bits: Annotated[int, Field(ge=4, le=1024)]
    """Width of a device; ``bus_bits`` over it are the devices of a rank."""
    vdd_v: Annotated[float, Field(gt=0, le=5)]
    """Supply voltage in V."""
    idd0_ma: Milliamperes
    """One bank activated and precharged every tRC."""
    idd2n_ma: Milliamperes
    """Standby, all banks precharged."""
    idd3n_ma: Milliamperes
    """Standby, a bank open."""
    idd4r_ma: Milliamperes
    """Reading without a gap."""
    idd4w_ma: Milliamperes
    """Writing without a gap."""
    idd5ab_ma: Milliamperes
    """Refreshing all banks."""


class DramPart(Section):
    """One channel of one kind of DRAM. A part without rate and timing is ideal: it never makes anyone wait."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Name of the part."""
    standard: Annotated[str, Field(min_length=1, max_length=40)]
    """The standard it follows, e.g. DDR4."""
    sources: list[str]
    """Where the figures come from."""
    data_rate_mtps: Annotated[float, Field(gt=0, le=100_000)] | None
    """Transfers per second and pin, in millions; ``null`` = unlimited."""
    bus_bits: Annotated[int, Field(ge=4, le=1024)]
    """Width of a channel's data bus, all pseudo channels together."""
    pseudo_channels: Annotated[int, Field(ge=1, le=8)] = 1
    """Parts of the bus that serve requests of their own; a burst uses one."""
    burst_length: Annotated[int, Field(ge=1, le=64)]
    """Transfers of a burst."""
    ranks: Annotated[int, Field(ge=1, le=16)]
    """Ranks of a channel."""
    bank_groups: Annotated[int, Field(ge=1, le=16)]
    """Bank groups of a rank (of a pseudo channel where there are several)."""
    banks: Annotated[int, Field(ge=1, le=256)]
    """Banks of a rank (of a pseudo channel where there are several), all bank groups together."""
    stack_ids: Annotated[int, Field(ge=1, le=16)] = 1
    """Stack IDs (dies of a stack on one pseudo channel), which the bank groups are shared out to in turn."""
    rows: Annotated[int, Field(ge=1, le=1 << 20)]
    """Rows of a bank."""
    row_bytes: Annotated[int, Field(ge=64, le=1 << 20)]
    """Bytes that one activation opens, over all devices of the rank or pseudo channel."""
    timing: DramTiming | None
    """Timing constraints; ``null`` = none."""
    power: DramPower | None = None
    """Supply currents; ``null`` = not known."""
    energy_pj_per_bit: DramEnergy
    """Energy per transferred bit."""

    @model_validator(mode="after")
    def _ideal_or_not(self) -> Self:
        if (self.data_rate_mtps is None) != (self.timing is None):
            raise ValueError("data_rate_mtps and timing: one of them is null; allowed: both (an ideal part) or none")
        if self.banks % self.bank_groups:
            raise ValueError(f"banks holds {self.banks}; allowed: a multiple of bank_groups = {self.bank_groups}")
        if self.bank_groups % self.stack_ids:
            raise ValueError(
                f"bank_groups holds {self.bank_groups}; allowed: a multiple of stack_ids = {self.stack_ids}"
            )
        if self.burst_length * self.bus_bits % (8 * self.pseudo_channels):
            raise ValueError(
                f"burst_length holds {self.burst_length}; allowed: whole bytes a burst of {self.bus_bits} bits a beat"
                f" and {self.pseudo_channels} pseudo-channels"
            )
        if self.power is not None and self.bus_bits % self.power.device_bits:
            raise ValueError(
                f"power.device_bits holds {self.power.device_bits}; allowed: a divisor of bus_bits = {self.bus_bits}"
            )
        return self

    @property
    def peak_gb_per_s(self) -> float:
        """Rate of a channel's data bus in 10⁹ bytes per second; infinite for an ideal part."""
        return float("inf") if self.data_rate_mtps is None else self.data_rate_mtps * self.bus_bits / 8e3

    @property
    def burst_bytes(self) -> int:
        """Bytes of one burst."""
        return self.burst_length * self.bus_bits // self.pseudo_channels // 8

    @property
    def burst_ns(self) -> float:
        """Time that a burst occupies the data bus."""
        return 0.0 if self.data_rate_mtps is None else self.burst_length / self.data_rate_mtps * 1e3

    @property
    def latency_ns(self) -> float:
        """From an activation to the end of the first burst read from the row: tRCD + CL + burst."""
        if self.timing is None:
            return 0.0
        return (self.timing.trcd_ck + self.timing.tcl_ck) * self.timing.tck_ns + self.burst_ns

    @property
    def refresh_efficiency(self) -> float:
        """Share of time that refreshing all banks leaves, 1 − tRFC/tREFI."""
        return 1.0 if self.timing is None else 1 - self.timing.trfc_ck / self.timing.trefi_ck

    @property
    def refresh_interval_ns(self) -> float:
        """tREFI; infinite for an ideal part."""
        return float("inf") if self.timing is None else self.timing.trefi_ck * self.timing.tck_ns


def load_part(source: str | Path) -> DramPart:
    """The part of that name (:func:`list_parts`), or in that YAML file.

    Raises:
        HardwareError: no such part or file; a field that is unknown, missing or wrong, one line per problem.
    """
    if str(source) in list_parts():
        return _shipped_part(str(source))
    path = Path(source)
    if path.is_file():
        return validate(DramPart, read_document(path))
    parts = list_parts()
    guess = suggestion(path.stem, parts)
    raise HardwareError(
        f"'{source}' is no DRAM part and no file; {guess + ' ' if guess else ''}parts: {', '.join(parts)}"
    )


def list_parts() -> tuple[str, ...]:
    """Names of the parts that ship with Bitgrove, sorted."""
    return tuple(sorted(path.stem for path in PARTS_DIRECTORY.glob("*.yaml")))


@lru_cache
def _shipped_part(name: str) -> DramPart:
    return validate(DramPart, read_document(PARTS_DIRECTORY / f"{name}.yaml", label=f"dram/{name}.yaml"))
