"""What a search found over the policies that it tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from accel_sim.plots.style import GREY, NEUTRAL, figure, grid, heading
from rl.plots.front import FRONT_COLOUR, UNIFORM_COLOUR
from rl.runs.summary import history_rows

if TYPE_CHECKING:
    from rl.runs.result import SearchResult

__all__ = ["reward_history"]


def reward_history(result: SearchResult) -> Figure:
    """Reward of every policy and the best so far; below, how much accuracy it loses."""
    rows = history_rows(result.outcomes)
    numbers = np.arange(1, len(rows) + 1)
    inside = np.array([row["within_bound"] for row in rows])
    rewards = np.array([row["reward"] for row in rows])
    lost = np.array([row["loss_points"] for row in rows])
    bound = result.problem.reward.max_loss_points
    fig = figure(5.4, 3.6)
    top, bottom = fig.subplots(2, sharex=True, height_ratios=(3, 2))
    for ax, values in ((top, rewards), (bottom, lost)):
        ax.scatter(numbers[inside], values[inside], s=8, color=UNIFORM_COLOUR, lw=0, label="Within the bound")
        ax.scatter(numbers[~inside], values[~inside], s=9, color=GREY, marker="x", lw=0.7, label="Beyond it")
        grid(ax, "both")
    top.step(
        numbers, [row["best_reward"] for row in rows], where="post", color=FRONT_COLOUR, lw=1.3, label="Best so far"
    )
    least = min(0.0, float(np.min([row["best_reward"] for row in rows])), float(np.percentile(rewards, 5)))
    top.set_ylim(bottom=least - 0.03)
    top.set_ylabel("Reward (share of energy)")
    bottom.axhline(bound, color=NEUTRAL, lw=0.9, ls="--")
    low, high = min(0.0, float(lost.min())), min(100.0, max(4.0, 4 * bound))
    bottom.set_ylim(low - 0.05 * (high - low), high)
    bottom.set_ylabel("Top-1 lost (points)")
    bottom.set_xlabel("Policies tried")
    request = result.prepared.request
    heading(top, f"{request.model} on {result.prepared.hardware.name}, {request.agent}, seed {request.seed}")
    fig.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig
