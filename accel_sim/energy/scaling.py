"""Scaling of logic between nodes and voltages, of leakage between supplies, and of SRAMs' between temperatures."""

from __future__ import annotations

from functools import lru_cache
from math import exp
from typing import Annotated, Literal

from pydantic import Field

from accel_sim.energy import TABLES_DIR
from accel_sim.energy.interpolate import loglog
from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import validate
from accel_sim.hardware.document import read_document
from accel_sim.hardware.schema import Section

__all__ = [
    "area_factor",
    "energy_factor",
    "leakage_temperature_factors",
    "leakage_voltage_factor",
    "leakage_voltage_factors",
    "scaling_table",
    "sram_nominal_voltage_v",
]

Positive = Annotated[float, Field(gt=0)]
NodeNm = Annotated[int, Field(ge=5, le=250)]


class EnergyFit(Section):
    """Relative energy at one node as a polynomial in the supply voltage."""

    node_nm: NodeNm
    """Process node, nm."""
    square: float
    """Coefficient of V²."""
    linear: float
    """Coefficient of V."""
    constant: float
    """Constant term."""
    min_voltage_v: Positive
    """Lowest supply voltage for which the fit holds, V."""

    def at(self, voltage_v: float) -> float:
        """Relative energy per transition at a supply of ``voltage_v``."""
        return (self.square * voltage_v + self.linear) * voltage_v + self.constant


class RelativeArea(Section):
    """Area of the same logic relative to 45 nm."""

    node_nm: NodeNm
    """Process node, nm."""
    relative: Positive
    """Area relative to 45 nm."""


class LeakageRatio(Section):
    """Leakage currents of one transistor type at 360 K over those at 300 K."""

    node_nm: NodeNm
    """Process node, nm."""
    cell: Literal["lop", "lstp", "hp"]
    """Transistor type."""
    subthreshold: Positive
    """Ratio of the off-state currents."""
    gate: Positive
    """Ratio of the gate currents."""


class EnergyFits(Section):
    """The energy polynomials and where they come from."""

    source: str
    """Origin."""
    nodes: Annotated[list[EnergyFit], Field(min_length=2)]
    """One fit per node."""


class AreaRatios(Section):
    """The area ratios and where they come from."""

    source: str
    """Origin."""
    nodes: Annotated[list[RelativeArea], Field(min_length=2)]
    """One ratio per node."""


class LeakageRatios(Section):
    """The leakage ratios and where they come from."""

    source: str
    """Origin."""
    rows: list[LeakageRatio]
    """One row per node and transistor type."""


class LeakageByVoltage(Section):
    """Leakage current as a function of supply and temperature, in arbitrary units."""

    source: str
    """Origin."""
    subthreshold_scale: Positive
    """A, per K²."""
    subthreshold_k_per_v: Positive
    """alpha, K/V."""
    subthreshold_k: float
    """beta, K."""
    gate_scale: Positive
    """B."""
    gate_per_v: Positive
    """gamma, 1/V."""
    gate_constant: float
    """delta."""

    def currents(self, voltage_v: float, temperature_k: float) -> tuple[float, float]:
        """Subthreshold and gate current."""
        exponent = (self.subthreshold_k_per_v * voltage_v + self.subthreshold_k) / temperature_k
        subthreshold = self.subthreshold_scale * temperature_k**2 * exp(exponent)
        return subthreshold, self.gate_scale * exp(self.gate_per_v * voltage_v + self.gate_constant)


class NominalVoltage(Section):
    """Supply of CACTI's SRAMs at one node, V."""

    node_nm: NodeNm
    """Process node, nm."""
    lop: Positive
    """Low operating power."""
    lstp: Positive
    """Low standby power."""
    hp: Positive
    """High performance."""


class NominalVoltages(Section):
    """The supplies and where they come from."""

    source: str
    """Origin."""
    rows: list[NominalVoltage]
    """One row per node."""


class ScalingTable(Section):
    """``hwconfigs/tables/scaling.yaml``."""

    logic_energy: EnergyFits
    """Energy by node and voltage."""
    logic_area: AreaRatios
    """Area by node."""
    leakage_360_over_300: LeakageRatios
    """SRAM leakage by temperature."""
    leakage_by_voltage: LeakageByVoltage
    """Leakage by supply."""
    sram_nominal_voltage: NominalVoltages
    """Supply of CACTI's SRAMs."""


@lru_cache(maxsize=1)
def scaling_table() -> ScalingTable:
    """Return the shipped scaling table, read once."""
    return validate(ScalingTable, read_document(TABLES_DIR / "scaling.yaml", label="tables/scaling.yaml"))


def energy_factor(to_node_nm: float, to_voltage_v: float, from_node_nm: float, from_voltage_v: float) -> float:
    """Compute what an energy per action of logic is multiplied by (Stillmaker and Baas 2017).

    Raises:
        HardwareError: a voltage below the range of the fit at that node.

    """
    return _relative_energy(to_node_nm, to_voltage_v) / _relative_energy(from_node_nm, from_voltage_v)


def _relative_energy(node_nm: float, voltage_v: float) -> float:
    fits = sorted(scaling_table().logic_energy.nodes, key=lambda fit: fit.node_nm)
    upper = next((i for i in range(1, len(fits) - 1) if node_nm <= fits[i].node_nm), len(fits) - 1)
    # A node of the table stands alone: the voltage range of its neighbour does not bind it.
    used = [fit for fit in fits if fit.node_nm == node_nm] or fits[upper - 1 : upper + 1]
    lowest = max(fit.min_voltage_v for fit in used)
    if voltage_v < lowest:
        raise HardwareError(
            f"technology.voltage_v: {voltage_v:g} V is below the range of the scaling table at {node_nm:g} nm; "
            f"allowed: {lowest:g} V and more"
        )
    if len(used) == 1:
        return used[0].at(voltage_v)
    return loglog(node_nm, [(fit.node_nm, fit.at(voltage_v)) for fit in used])


def area_factor(to_node_nm: float, from_node_nm: float) -> float:
    """Compute what an area of logic is multiplied by (Stillmaker and Baas 2017)."""
    points = sorted((row.node_nm, row.relative) for row in scaling_table().logic_area.nodes)
    return loglog(to_node_nm, points) / loglog(from_node_nm, points)


def leakage_temperature_factors(
    node_nm: int, cell: str, from_temperature_k: float, to_temperature_k: float
) -> tuple[float, float]:
    """Compute what subthreshold and gate leakage of an SRAM are multiplied by between two temperatures.

    The logarithm of each current is taken as linear in the temperature through its values at 300 K and 360 K;
    ``node_nm`` is one of CACTI's nodes.
    """
    share = (to_temperature_k - from_temperature_k) / 60.0
    row = next(r for r in scaling_table().leakage_360_over_300.rows if (r.node_nm, r.cell) == (node_nm, cell))
    return row.subthreshold**share, row.gate**share


def leakage_voltage_factor(to_voltage_v: float, from_voltage_v: float, temperature_k: float) -> float:
    """Compute what the leakage power of logic is multiplied by between two supplies (Liao, He and Lepak 2005)."""
    model = scaling_table().leakage_by_voltage
    to, start = (
        sum(model.currents(voltage_v, temperature_k)) * voltage_v for voltage_v in (to_voltage_v, from_voltage_v)
    )
    return to / start


def leakage_voltage_factors(to_voltage_v: float, from_voltage_v: float, temperature_k: float) -> tuple[float, float]:
    """The same for the powers of subthreshold and of gate leakage, each by itself."""
    model = scaling_table().leakage_by_voltage
    to, start = (model.currents(voltage_v, temperature_k) for voltage_v in (to_voltage_v, from_voltage_v))
    ratio = to_voltage_v / from_voltage_v
    return ratio * to[0] / start[0], ratio * to[1] / start[1]


def sram_nominal_voltage_v(node_nm: int, cell: str) -> float:
    """Supply at which CACTI gives an SRAM of one of its nodes."""
    row = next(row for row in scaling_table().sram_nominal_voltage.rows if row.node_nm == node_nm)
    return float(getattr(row, cell))
