"""Energy, leakage, area and access time of any on-chip SRAM, from CACTI 7.

Inside the range of CACTI's runs (1 KiB to 4 MiB, 32 to 512 bit, 1 to 32 banks, 22 to 90 nm) values are interpolated
(:mod:`accel_sim.energy.sram_grid`; leave-out error against CACTI: medians 1.4 to 3.1 %, worst 86 % for a read energy).
Outside it an SRAM is put together as a designer would:

- a word wider than 512 bit: several macros of 512 bit in lockstep; energies, leakages and areas add up;
- more than 32 banks: several macros of 32 banks, each beside its part of the array; an access goes to one of them;
- a macro of fewer than 32 words per bank, or of less than 1 KiB, does not exist: the next larger one is used;
- a word narrower than 32 bit: the 32-bit macro, its energies times (bits/32)^0.6;
- a macro beyond 4 MiB: energies times (size/4 MiB)^0.54, leakage and area in proportion, access time by the root;
- a node outside 22 to 90 nm: the nearest one; energies and leakage times the factor of logic at 0.9 V, area times
  that of logic areas, access time in proportion to the node.

Energies and leakage hold at CACTI's nominal voltage of node and transistor. With another supply
(``technology.sram_voltage_v``) energies go with its square, leakage with the supply and the currents of
:func:`accel_sim.energy.scaling.leakage_voltage_factors`; the access time stays.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from accel_sim.energy.scaling import (
    area_factor,
    energy_factor,
    leakage_temperature_factors,
    leakage_voltage_factors,
    sram_nominal_voltage_v,
)
from accel_sim.energy.sram_grid import Floats, SramGrid, shipped_grid
from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import suggestion

__all__ = ["CELLS", "PORTS", "SramEstimate", "sram_estimate"]

CELLS = ("lop", "lstp", "hp")
PORTS = ("1rw", "1r1w", "2rw")
CACTI_TEMPERATURE_K = {"lop": 360.0, "hp": 360.0, "lstp": 300.0}
MIN_BYTES, MAX_BYTES = 1024.0, 4.0 * 1024 * 1024
MIN_WIDTH_BITS, MAX_WIDTH_BITS = 32.0, 512.0
MAX_BANKS = 32.0
MIN_WORDS_PER_BANK = 32.0
WIDTH_EXPONENT, SIZE_EXPONENT = 0.6, 0.54
LOGIC_VOLTAGE_V = 0.9


@dataclass(frozen=True)
class SramEstimate:
    """One SRAM. Energies are per access of one bank's word; leakage and area are those of all banks."""

    read_pj: float
    write_pj: float
    leakage_mw: float
    area_mm2: float
    access_ns: float

    def to_dict(self) -> dict[str, float]:
        """Return the five figures by name."""
        return asdict(self)


@dataclass(frozen=True)
class _Macros:
    """An SRAM as ``count`` equal macros inside CACTI's range, of which ``accessed`` work per access."""

    count: float
    accessed: float
    size_bytes: float
    width_bits: float
    banks: float
    width_factor: float
    size_factor: float


@lru_cache(maxsize=256)
def sram_estimate(
    kib: float,
    word_bits: int,
    banks: int,
    node_nm: float,
    cell: str = "lop",
    ports: str = "1rw",
    temperature_k: float = 300.0,
    voltage_v: float | None = None,
) -> SramEstimate:
    """Estimate an SRAM of ``kib`` KiB in ``banks`` banks, each with a word of ``word_bits`` per access.

    Args:
        kib: capacity of all banks, KiB.
        word_bits: width of one bank's word.
        banks: number of banks.
        node_nm: process node, nm.
        cell: transistor type, ``lop``, ``lstp`` or ``hp``.
        ports: ports of each bank, ``1rw``, ``1r1w`` or ``2rw``.
        temperature_k: junction temperature; leakage depends on it.
        voltage_v: supply; ``None``: CACTI's nominal one.

    Raises:
        InputError: an unknown cell or ports, or a size that is not positive.

    """
    _check_arguments(kib, word_bits, banks, node_nm, temperature_k)
    _check_name("cell", cell, CELLS)
    _check_name("ports", ports, PORTS)
    macros = _macros(kib * 1024.0, float(word_bits), float(banks))
    macro = _macro_at(shipped_grid(), macros, node_nm, f"{cell}_{ports}", cell, temperature_k, voltage_v)
    read, write, leakage, area, access = (float(value) for value in macro)
    energy = macros.accessed * macros.width_factor * macros.size_factor**SIZE_EXPONENT
    return SramEstimate(
        read_pj=read * energy,
        write_pj=write * energy,
        leakage_mw=leakage * macros.count * macros.size_factor,
        area_mm2=area * macros.count * macros.size_factor,
        access_ns=access * macros.size_factor**0.5,
    )


def _check_arguments(kib: float, word_bits: float, banks: float, node_nm: float, temperature_k: float) -> None:
    given = {"kib": kib, "word_bits": word_bits, "banks": banks, "node_nm": node_nm, "temperature_k": temperature_k}
    for name, value in given.items():
        if not 0 < value < float("inf"):
            raise InputError(f"{name}: holds {value}; allowed: a finite number above 0")


def _check_name(field: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{field}: holds {value!r}; allowed: {', '.join(known)} {suggestion(value, known)}".rstrip())


def _macros(size_bytes: float, width_bits: float, banks: float) -> _Macros:
    """Cut an SRAM into macros; the counts may be fractions, so that estimates have no steps."""
    lockstep = max(1.0, width_bits / MAX_WIDTH_BITS)
    groups = max(1.0, banks / MAX_BANKS)
    macro_banks = banks / groups
    macro_width = max(MIN_WIDTH_BITS, width_bits / lockstep)
    wanted = size_bytes / (lockstep * groups)
    smallest = max(MIN_BYTES, MIN_WORDS_PER_BANK * macro_banks * macro_width / 8.0)
    return _Macros(
        count=lockstep * groups,
        accessed=lockstep,
        size_bytes=min(max(wanted, smallest), MAX_BYTES),
        width_bits=macro_width,
        banks=macro_banks,
        width_factor=min(1.0, width_bits / MIN_WIDTH_BITS) ** WIDTH_EXPONENT,
        size_factor=max(1.0, wanted / MAX_BYTES),
    )


def _macro_at(
    grid: SramGrid,
    macros: _Macros,
    node_nm: float,
    variant: str,
    cell: str,
    temperature_k: float,
    voltage_v: float | None,
) -> Floats:
    """Read pJ, write pJ, leakage mW, area mm², access ns of one macro at any node."""
    lower = max((n for n in grid.nodes if n <= node_nm), default=grid.nodes[0])
    upper = min((n for n in grid.nodes if n >= node_nm), default=grid.nodes[-1])
    low = _macro_at_cacti_node(grid, macros, lower, variant, cell, temperature_k, voltage_v)
    if lower == upper:
        return low * _beyond_cacti(node_nm, lower)
    high = _macro_at_cacti_node(grid, macros, upper, variant, cell, temperature_k, voltage_v)
    result: Floats = low * (high / low) ** (np.log(node_nm / lower) / np.log(upper / lower))
    return result


def _macro_at_cacti_node(
    grid: SramGrid,
    macros: _Macros,
    node_nm: int,
    variant: str,
    cell: str,
    temperature_k: float,
    voltage_v: float | None,
) -> Floats:
    read, write, sub, gate, area, access = grid.at_node(
        macros.size_bytes, macros.width_bits, macros.banks, node_nm, variant
    )
    sub_factor, gate_factor = leakage_temperature_factors(node_nm, cell, CACTI_TEMPERATURE_K[cell], temperature_k)
    sub, gate, energy = sub * sub_factor, gate * gate_factor, 1.0
    if voltage_v is not None:
        nominal_v = sram_nominal_voltage_v(node_nm, cell)
        sub_factor, gate_factor = leakage_voltage_factors(voltage_v, nominal_v, temperature_k)
        sub, gate, energy = sub * sub_factor, gate * gate_factor, (voltage_v / nominal_v) ** 2
    return np.array([read * energy, write * energy, macros.banks * (sub + gate), area, access])


def _beyond_cacti(node_nm: float, nearest_nm: int) -> Floats:
    """Factors from CACTI's nearest node to one outside its range; ones inside."""
    if node_nm == nearest_nm:
        return np.ones(5)
    energy = energy_factor(node_nm, LOGIC_VOLTAGE_V, nearest_nm, LOGIC_VOLTAGE_V)
    return np.array([energy, energy, energy, area_factor(node_nm, nearest_nm), node_nm / nearest_nm])
