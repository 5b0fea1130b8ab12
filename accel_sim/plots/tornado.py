"""Which constants decide how two machines compare: the ratio of their energies at the ends of each range."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from accel_sim.energy.uncertainty import Swing
from accel_sim.labels import shorten
from accel_sim.plots.bars import NARROW_IN
from accel_sim.plots.style import COMPUTE_COLOUR, NEUTRAL, STALL_COLOUR, drawable, figure, grid, legend_above
from accel_sim.uncertain_comparison import Verdict

__all__ = ["tornado"]

_MOST = 10


def tornado(name: str, first: str, verdict: Verdict) -> Figure:
    """Bars from low to high of the constants that move the ratio most, the widest on top.

    Args:
        name, first: the machine, and the one that it is compared with.
    """
    swings = [swing for swing in verdict.swings if swing.width][:_MOST]
    fig = figure(NARROW_IN, 1.3 + 0.24 * max(3, len(swings)))
    ax = fig.subplots()
    for row, swing in enumerate(swings):
        ax.barh(row, swing.at_low - verdict.ratio, 0.7, verdict.ratio, color=COMPUTE_COLOUR)
        ax.barh(row, swing.at_high - verdict.ratio, 0.7, verdict.ratio, color=STALL_COLOUR)
    ends = _ends(swings, verdict)
    ax.axvline(verdict.ratio, color="black", lw=0.8)
    if ends[0] <= 1 <= ends[1]:
        ax.axvline(1.0, color=NEUTRAL, lw=0.8, ls="--")
        ax.annotate(
            "equal", (1.0, 0.0), (3, 3), xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=7
        )
    ax.set_xlim(*ends)
    ax.set_yticks(range(len(swings)), [drawable(swing.name) for swing in swings])
    ax.set_ylim(max(3, len(swings)) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"Energy of {drawable(shorten(name, 28))} over that of {drawable(shorten(first, 28))}")
    grid(ax, "x")
    middle = verdict.interval
    ax.set_title(f"{verdict.ratio:.2f}× ({middle.low:.2f} to {middle.high:.2f} in nine of ten draws)", pad=16)
    legend_above(
        ax, [Patch(color=COMPUTE_COLOUR, label="constant at its low"), Patch(color=STALL_COLOUR, label="at its high")]
    )
    return fig


def _ends(swings: Sequence[Swing], verdict: Verdict) -> tuple[float, float]:
    """The axis: all bars, and 1 where it is not far."""
    values = [verdict.ratio, *(end for swing in swings for end in (swing.at_low, swing.at_high))]
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.1
    if low - 3 * margin <= 1 <= high + 3 * margin:
        low, high = min(low, 1.0), max(high, 1.0)
    return low - margin, high + margin
