"""``docs/search_results.md``: the searches so far, agents side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from accel_sim.files import write_atomically
from accel_sim.plots.style import NEUTRAL, figure, freeze_layout, grid, paper_style, render_svg
from rl.searchers.registry import SEARCHERS
from tests.benchmarks.report import markdown_table
from tests.validation.search.cross import cross_section
from tests.validation.search.trials import BOUND, COMPARED, EPISODES, MACHINES, all_trials

__all__ = ["write_page"]

DOCS = Path(__file__).resolve().parents[3] / "docs"
Row = Mapping[str, str]
_HEAD = f"""# Searches

Written by `python -m tests.validation.search.study` (`make validate-search`) from `docs/search.csv`; do not edit. Every
search tries {EPISODES} policies on 1,000 search images (even indices of the test set); what looks best is measured in
full, repairs and all, on all search images, and must keep the bound by one standard error. The winner alone is measured
on the report images (odd indices), which nothing else looks at. Energy is that of one image against the dense 8-bit
network on the same machine; losses are against the float network on the same images, percentage points of top-1.

The bound is on the search images. On the report images ResNet-8 loses some 0.7 points more, whoever searched: its
float network does better there (87.52 % against 86.86 %), the compressed ones do not (standard error of the difference
between the halves: 0.4 points).
"""


def write_page(rows: Mapping[str, Row]) -> None:
    """Write the page and its picture from what has been run."""
    done = [row for row in rows.values() if row.get("saved_percent")]
    parts = [_HEAD]
    for network in COMPARED:
        for machine in MACHINES:
            own = [row for row in done if row["network"] == network and row["machine"] == machine]
            if own:
                parts.append(_agents(network, machine, own))
    parts += [_composite(done), cross_section(), _left(rows)]
    write_atomically(DOCS / "search_results.md", "\n".join(part for part in parts if part).encode())
    compared = [row for row in done if row["network"] in COMPARED and float(row["max_loss_points"]) == BOUND]
    if compared:
        with paper_style():
            picture = _picture(compared)
            freeze_layout(picture)
            write_atomically(DOCS / "pictures" / "search" / "agents.svg", render_svg(picture))


def _agents(network: str, machine: str, rows: Sequence[Row]) -> str:
    lines = []
    for agent in SEARCHERS:
        own = [row for row in rows if row["agent"] == agent and float(row["max_loss_points"]) == BOUND]
        if own:
            lines.append(
                (
                    agent,
                    len(own),
                    _middle(own, "saved_percent", 1),
                    _middle(own, "search_loss_points", 2),
                    _middle(own, "report_loss_points", 2),
                    _middle(own, "hypervolume", 3),
                )
            )
    header = ("agent", "seeds", "energy saved %", "lost, search", "lost, report", "hypervolume")
    return f"## {network} on {machine}, bound {BOUND:g} points\n\nMedians.\n\n{markdown_table(header, lines)}\n"


def _middle(rows: Iterable[Row], name: str, digits: int) -> str:
    return f"{median(float(row[name]) for row in rows):.{digits}f}"


def _composite(rows: Sequence[Row]) -> str:
    own = [row for row in rows if row["agent"] == "composite" and row["seed"] == "0"]
    lines = [
        (
            row["network"],
            row["machine"],
            row["max_loss_points"],
            *(row[name] for name in ("saved_percent", "saved_percent_of_16_bit", "search_loss_points")),
            row["report_loss_points"],
        )
        for row in own
    ]
    if not lines:
        return ""
    header = ("network", "machine", "bound", "saved %", "of 16 bit %", "lost, search", "lost, report")
    return f"## The composite agent, seed 0\n\n{markdown_table(header, lines)}\n"


def _left(rows: Mapping[str, Row]) -> str:
    left = sum(trial.key not in rows for trial in all_trials())
    return f"{left} searches have not been run yet; the next run of the study goes on with them.\n" if left else ""


def _picture(rows: Sequence[Row]) -> Figure:
    """Energy saved by each agent: a dot per seed, a bar at the median."""
    places = [(n, m) for n in COMPARED for m in MACHINES if any(_is(row, n, m) for row in rows)]
    fig = figure(7.16, 1.9 * -(-len(places) // 3) + 0.9)
    axes = fig.subplots(-(-len(places) // 3), min(3, len(places)), squeeze=False, sharey=True).ravel()
    agents = [agent for agent in SEARCHERS if any(row["agent"] == agent for row in rows)]
    for ax, (network, machine) in zip(axes, places, strict=False):
        for slot, agent in enumerate(agents):
            values = [
                float(row["saved_percent"]) for row in rows if _is(row, network, machine) and row["agent"] == agent
            ]
            colour = "#D55E00" if agent == "composite" else NEUTRAL
            ax.plot([slot] * len(values), values, ls="", marker="o", ms=2.5, color=colour)
            if values:
                ax.plot([slot - 0.35, slot + 0.35], [median(values)] * 2, color=colour, lw=1.4)
        ax.set_xticks(range(len(agents)), agents, rotation=90, fontsize=6)
        ax.set_xlim(-0.6, len(agents) - 0.4)
        grid(ax, "y")
        ax.set_title(f"{network} on\n{machine}", fontsize=7)
    for ax in axes[len(places) :]:
        ax.set_visible(False)
    axes[0].set_ylim(0, 1.08 * max(float(row["saved_percent"]) for row in rows))  # of all panels
    for ax in axes[::3]:
        ax.set_ylabel("Energy saved (%)")
    return fig


def _is(row: Row, network: str, machine: str) -> bool:
    return row["network"] == network and row["machine"] == machine
