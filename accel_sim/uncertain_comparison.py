"""Whether the order of machines by energy holds across the ranges of the constants, and which of them decide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accel_sim.energy.uncertainty import Interval, Swing, UncertainEnergy, interval, sample_energies, swings

if TYPE_CHECKING:
    from accel_sim.hardware.schema import Hardware
    from accel_sim.result import Result

__all__ = ["SURE", "UncertainComparison", "Verdict", "compare_uncertain"]

SURE = 0.95
"""Share of the draws in which an order must hold to be called sure."""


@dataclass(frozen=True)
class Verdict:
    """A machine's energy over that of the first one.

    Attributes:
        ratio: with every constant at its value.
        interval: over the draws.
        same_order: share of the draws with the order that ``ratio`` says.
        swings: the ratio with one constant at the ends of its range, the widest first.
        flips: constants of which one end alone turns the order.
    """

    ratio: float
    interval: Interval
    same_order: float
    swings: tuple[Swing, ...]
    flips: tuple[str, ...]

    @property
    def is_sure(self) -> bool:
        """Whether the conclusion holds across the ranges."""
        return self.same_order >= SURE and not self.flips

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "ratio": self.ratio,
            "interval": self.interval.to_dict(),
            "same_order": self.same_order,
            "sure": self.is_sure,
            "flips": list(self.flips),
            "swings": [
                {"name": one.name, "at_low": one.at_low, "at_high": one.at_high} for one in self.swings if one.width
            ],
        }


@dataclass(frozen=True)
class UncertainComparison:
    """Energies of all machines under the same draws, and the verdict on each but the first."""

    samples: int
    seed: int
    energies: tuple[UncertainEnergy, ...]
    verdicts: tuple[Verdict, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON; the first machine's verdict is left out."""
        return {
            "samples": self.samples,
            "seed": self.seed,
            "energy_pj": [energy.to_dict() for energy in self.energies],
            "against_first": [verdict.to_dict() for verdict in self.verdicts],
        }


def compare_uncertain(
    results: Sequence[Result], machines: Sequence[Hardware], samples: int, seed: int
) -> UncertainComparison:
    """Draw the constants of all machines ``samples`` times and judge each machine against the first."""
    energies = sample_energies(results, machines, samples, seed)
    ends = swings(results, machines)
    verdicts = [
        _verdict(result, results[0], energy, energies[0], own, ends[0])
        for result, energy, own in zip(results[1:], energies[1:], ends[1:], strict=True)
    ]
    return UncertainComparison(samples, seed, tuple(energies), tuple(verdicts))


def _verdict(
    result: Result,
    first: Result,
    energy: UncertainEnergy,
    base: UncertainEnergy,
    own: Sequence[Swing],
    base_swings: Sequence[Swing],
) -> Verdict:
    ratio = result.total.energy_pj.total / first.total.energy_pj.total
    ratios = energy.total_pj / base.total_pj
    same = (ratios < 1) == (ratio < 1)
    moved = [_ratio(here, there) for here, there in zip(own, base_swings, strict=True)]
    flips = [one.name for one in moved if _flips(one, ratio)]
    widest = tuple(sorted(moved, key=lambda one: (-one.width, one.name)))
    return Verdict(ratio, interval(ratios), float(same.mean()), widest, tuple(flips))


def _ratio(here: Swing, there: Swing) -> Swing:
    return Swing(here.name, here.at_low / there.at_low, here.at_high / there.at_high, here.source)


def _flips(swing: Swing, ratio: float) -> bool:
    return any((end < 1) != (ratio < 1) for end in (swing.at_low, swing.at_high))
