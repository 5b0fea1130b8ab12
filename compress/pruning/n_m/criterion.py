"""What N:M algorithms share: the pattern, and where its groups lie.

Groups are ``of`` neighbouring input channels (or inputs) at one kernel position of one output, counted from the first
channel of the layer's group; the last one is shorter where ``of`` does not divide the channels, and keeps ``keep`` all
the same. That is what :func:`accel_sim.operand_checks.check_n_m` wants of a machine's weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.errors import PolicyError
from compress.pruning.criterion import Criterion, Granularity

__all__ = ["NmCriterion"]


@dataclass(frozen=True)
class NmCriterion(Criterion):
    """Keeps ``keep`` of every ``of`` neighbours along the input channels; the ratio has no say.

    Raises:
        PolicyError: not ``1 <= keep < of``.
    """

    granularity = Granularity.N_M

    keep: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.keep < self.of:
            raise PolicyError(f"algorithm {self.name}: keep is {self.keep} of {self.of}; allowed: 1 to {self.of - 1}")
