"""Accuracy lost against energy: every policy that was tried, and what no other beats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accel_sim.plots.style import GREY, NEUTRAL, figure, grid, heading
from rl.runs.summary import front

if TYPE_CHECKING:
    from rl.runs.result import SearchResult

__all__ = ["FRONT_COLOUR", "WINNER_COLOUR", "pareto_front"]

FRONT_COLOUR, WINNER_COLOUR, UNIFORM_COLOUR = "#0072B2", "#D55E00", "#009E73"
_SHOWN_BOUNDS = 5.0
"""The axis of losses ends at so many times the bound, ..."""
_LEAST_SHOWN_POINTS = 4.0
"""... at least here."""


def pareto_front(result: SearchResult) -> Figure:
    """Energy in percent of the dense 8-bit network's over the loss on the images of every try."""
    reward = result.problem.reward
    fig = figure(4.6, 3.4)
    ax = fig.subplots()
    lost = np.array([one.loss_points for one in result.outcomes])
    energy = np.array([100 * (1 - one.saved) for one in result.outcomes])
    end = max(_SHOWN_BOUNDS * reward.max_loss_points, _LEAST_SHOWN_POINTS)
    shown = lost <= end
    ax.scatter(lost[shown], energy[shown], s=9, color=GREY, alpha=0.6, lw=0, label="Tried policies")
    _front_line(ax, result, end)
    for bits, one in result.uniform.items():
        x, y = reward.loss_points(one.top1_percent), 100 * one.energy_pj / reward.reference_energy_pj
        if x <= end:
            label = "Uniform widths, nothing pruned" if bits == max(result.uniform) else None
            ax.scatter([x], [y], marker="s", s=22, color=UNIFORM_COLOUR, zorder=4, label=label)
            ax.annotate(f"{bits} bit", (x, y), (5, 3), textcoords="offset points", fontsize=6.5)
    best = result.winner.outcome
    ax.scatter(
        [best.loss_points],
        [100 * (1 - best.saved)],
        marker="*",
        s=90,
        color=WINNER_COLOUR,
        zorder=5,
        label="Chosen policy",
    )
    ax.axvline(reward.max_loss_points, color=NEUTRAL, lw=0.9, ls="--", label="Bound")
    low = min(0.0, float(lost[shown].min(initial=0.0)))
    ax.set_xlim(low - 0.03 * (end - low), end)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"Top-1 lost on {result.prepared.inner.size} search images (points)")
    ax.set_ylabel("Energy (% of dense 8 bit)")
    grid(ax, "both")
    request = result.prepared.request
    heading(ax, f"{request.model} on {result.prepared.hardware.name}, {request.agent}")
    hidden = int((~shown).sum())
    if hidden:
        ax.annotate(f"{hidden} lose more", (0.99, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=6.5)
    fig.legend(loc="outside lower center", ncols=3)
    return fig


def _front_line(ax: Axes, result: SearchResult, end: float) -> None:
    kept = front(result.outcomes)
    x = [max(0.0, one.loss_points) for one in kept] + [end]
    y = [100 * (1 - one.saved) for one in kept]
    ax.step(x, [*y, y[-1]], where="post", color=FRONT_COLOUR, lw=1.3, label="Pareto front")
