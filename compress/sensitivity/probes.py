"""Which changes are tried on every layer."""

from __future__ import annotations

from dataclasses import dataclass

from accel_sim.errors import PolicyError
from accel_sim.hardware.diagnose import suggestion
from accel_sim.workload.layers import MAX_BITS
from compress.pruning.prune import algorithm_forms

__all__ = ["A_BITS", "W_BITS", "Probes"]

W_BITS, A_BITS = "w_bits", "a_bits"
"""Names of the changes that are no pruning algorithms."""


@dataclass(frozen=True)
class Probes:
    """Every algorithm at every ratio, and every width of the weights and of the input, each by itself.

    Attributes:
        algorithms: that take a ratio; N:M and block patterns have more to say than that.
        ratios: above 0, below 1.
        w_bits, a_bits: 1 to 16.

    Raises:
        PolicyError: says which of them is wrong, and what is allowed.
    """

    algorithms: tuple[str, ...] = ("level", "obs", "l1_filter")
    ratios: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    w_bits: tuple[int, ...] = (2, 3, 4, 6, 8)
    a_bits: tuple[int, ...] = (2, 3, 4, 6, 8)

    def __post_init__(self) -> None:
        forms = algorithm_forms()
        allowed = sorted(name for name, form in forms.items() if form.takes_ratio and form.pattern is None)
        for name in self.algorithms:
            if name not in allowed:
                hint = suggestion(name, allowed) if name not in forms else f"it needs {forms[name].pattern}"
                text = "is not known" if name not in forms else "has more to say than a ratio"
                raise PolicyError(
                    f"algorithm {name!r}: {text}; {f'{hint}; ' * bool(hint)}allowed: {', '.join(allowed)}"
                )
        for ratio in self.ratios:
            if not 0 < ratio < 1:
                raise PolicyError(f"ratio: holds {ratio}; allowed: a number above 0 and below 1")
        for bits in (*self.w_bits, *self.a_bits):
            if not 1 <= bits <= MAX_BITS:
                raise PolicyError(f"bits: holds {bits}; allowed: an integer from 1 to {MAX_BITS}")

    @property
    def per_layer(self) -> int:
        """How many networks are tried for each layer."""
        return len(self.algorithms) * len(self.ratios) + len(self.w_bits) + len(self.a_bits)
