"""How sure an energy is: constants drawn from their ranges, counts as they are.

Every constant has the range that its sources support (``low`` to ``high``; without one it is taken as sure), and so
has the DRAM's energy per bit. A sample draws each of them, independently, from a triangular distribution over the
logarithm with its peak at the value that the model uses (over the value itself where ``low`` is 0). Machines that are
compared share the draws: a constant that is off is off for all of them.

What the ranges do not hold: the factors between nodes, CACTI's own error (a range of its own, ``sram_energy_ratio``,
stands for both), and the counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from accel_sim.energy.model import applied_constants, energy_model, layer_energy
from accel_sim.memory.parts import load_part
from accel_sim.result import EnergyBreakdown

if TYPE_CHECKING:
    from accel_sim.energy.tables import AppliedConstant
    from accel_sim.hardware.schema import Hardware
    from accel_sim.result import Result

__all__ = ["DRAM_NAME", "Interval", "Swing", "UncertainEnergy", "dram_range", "interval", "sample_energies", "swings"]

DRAM_NAME = "dram_pj_per_bit"
"""The DRAM's energy among the constants; its place in the range is shared by all parts."""
LOW_PERCENTILE, HIGH_PERCENTILE = 5, 95
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """5 %, 50 % and 95 % of the samples."""

    low: float
    median: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return {"low": self.low, "median": self.median, "high": self.high}


@dataclass(frozen=True, eq=False)
class UncertainEnergy:
    """Samples of a network's energy: ``components (samples, components)`` in pJ, in the order of the breakdown."""

    components: Floats

    @property
    def total_pj(self) -> Floats:
        """``(samples,)``."""
        total: Floats = self.components.sum(axis=1)
        return total

    def of(self, component: str) -> Floats:
        """Samples of one component, or of the ``total``."""
        if component == "total":
            return self.total_pj
        names = [field.name for field in fields(EnergyBreakdown)]
        column: Floats = self.components[:, names.index(component)]
        return column

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Intervals of all components and of the total, pJ."""
        names = [field.name for field in fields(EnergyBreakdown)]
        return {name: interval(self.of(name)).to_dict() for name in (*names, "total")}


@dataclass(frozen=True)
class Swing:
    """What one constant at the ends of its range makes of a figure, all others at their values."""

    name: str
    at_low: float
    at_high: float
    source: str

    @property
    def width(self) -> float:
        """How far apart the ends are."""
        return abs(self.at_high - self.at_low)


def interval(samples: Floats) -> Interval:
    """The middle nine tenths of the samples."""
    low, median, high = np.percentile(samples, [LOW_PERCENTILE, 50, HIGH_PERCENTILE])
    return Interval(float(low), float(median), float(high))


def dram_range(hardware: Hardware) -> tuple[float, float, float]:
    """Low, value and high of a machine's DRAM, pJ per bit."""
    energy = load_part(hardware.dram.part).energy_pj_per_bit
    return energy.low, energy.value, energy.high


def sample_energies(
    results: Sequence[Result], machines: Sequence[Hardware], samples: int, seed: int
) -> list[UncertainEnergy]:
    """Energies of each result under the same draws.

    Args:
        results: one of each machine.
        samples: how many draws.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    names = sorted({name for machine in machines for name in applied_constants(machine)})
    places = {name: rng.random(samples) for name in (*names, DRAM_NAME)}  # 0 to 1 within each constant's distribution
    return [_sampled(result, machine, samples, places) for result, machine in zip(results, machines, strict=True)]


def _sampled(result: Result, machine: Hardware, samples: int, places: Mapping[str, Floats]) -> UncertainEnergy:
    constants = applied_constants(machine)
    drawn = {
        name: _triangular(places[name], *_range(constant)) for name, constant in constants.items() if _is_open(constant)
    }
    dram = _triangular(places[DRAM_NAME], *dram_range(machine))
    components = np.empty((samples, len(fields(EnergyBreakdown))))
    for i in range(samples):
        moved = {name: replace(constants[name], value=float(values[i])) for name, values in drawn.items()}
        components[i] = _components(result, machine, {**constants, **moved}, float(dram[i]))
    return UncertainEnergy(components)


def _components(result: Result, machine: Hardware, constants: Mapping[str, AppliedConstant], dram: float) -> Floats:
    model = energy_model(machine, dram, constants)
    layers = [layer_energy(layer.actions, model) for layer in result.layers]
    return np.array([sum(getattr(layer, field.name) for layer in layers) for field in fields(EnergyBreakdown)])


def swings(results: Sequence[Result], machines: Sequence[Hardware]) -> list[tuple[Swing, ...]]:
    """Total energy, pJ, of each result at the ends of every constant's range; the same constants in the same order."""
    found = []
    for result, machine in zip(results, machines, strict=True):
        constants = applied_constants(machine)
        low, value, high = dram_range(machine)
        ends = []
        for name, constant in constants.items():
            bounds = _range(constant)
            at = [
                float(_components(result, machine, {**constants, name: replace(constant, value=end)}, value).sum())
                if _is_open(constant)
                else float(result.total.energy_pj.total)
                for end in (bounds[0], bounds[2])
            ]
            ends.append(Swing(name, at[0], at[1], constant.constant.source))
        at = [float(_components(result, machine, constants, end).sum()) for end in (low, high)]
        part = load_part(machine.dram.part)
        ends.append(Swing(DRAM_NAME, at[0], at[1], part.energy_pj_per_bit.source))
        found.append(tuple(ends))
    return found


def _range(constant: AppliedConstant) -> tuple[float, float, float]:
    """Low, value and high, scaled to the machine."""
    origin = constant.constant
    low = origin.value if origin.low is None else origin.low
    high = origin.value if origin.high is None else origin.high
    return low * constant.factor, constant.value, high * constant.factor


def _is_open(constant: AppliedConstant) -> bool:
    low, _, high = _range(constant)
    return low < high


def _triangular(places: Floats, low: float, value: float, high: float) -> Floats:
    """Quantiles of the distribution that the module describes."""
    if low == high:
        return np.full_like(places, value)
    logarithmic = low > 0
    a, c, b = np.log([low, value, high]) if logarithmic else np.array([low, value, high])
    rising = (c - a) / (b - a)
    left = a + np.sqrt(places * (b - a) * (c - a))
    right = b - np.sqrt((1 - places) * (b - a) * (b - c))
    drawn: Floats = np.where(places < rising, left, right)
    return np.exp(drawn) if logarithmic else drawn
