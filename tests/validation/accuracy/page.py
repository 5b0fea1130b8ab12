"""``docs/accuracy.md``: the accuracies measured so far, as tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accel_sim.files import write_atomically
from accel_sim.plots.style import figure, freeze_layout, grid, heading, paper_style, render_png, render_svg
from compress.pruning.registry import criteria
from tests.validation.accuracy.choice import choice_tables, read_choices
from tests.validation.accuracy.networks import NETWORKS
from tests.validation.accuracy.trials import RATIOS, SWEEP_IMAGES, SWITCHES, Trial, all_trials

__all__ = ["write_page"]

DOCS = Path(__file__).resolve().parents[3] / "docs"
Rows = Mapping[str, Mapping[str, str]]

_HEAD = f"""# Accuracy after compression

Written by `python -m tests.validation.accuracy.study` (part of `make validate`) from `docs/accuracy.csv`; do not edit.
No network is trained or fine-tuned. Top-1 in percent on the odd-index half of the test set (5,000 images of CIFAR, 455
photographs); calibration images are training images, or the even-index half where there are none. Sweeps are on
{SWEEP_IMAGES:,} images of the odd half, equally many of each class: one standard error there is about 0.9 points.
Every layer is treated alike, first and last included. `none`: no repair; `default`: the repairs that a policy has
unless it says otherwise (least squares, error feedback, bias correction).
"""


def write_page(rows: Rows) -> None:
    """Write the page and its pictures from what has been measured."""
    trials = [trial for trial in all_trials() if trial.key in rows]
    choice = choice_tables(read_choices())
    parts = [_HEAD, _widths(trials, rows), _repairs(trials, rows), choice, _pruning(trials, rows), _left(rows)]
    write_atomically(DOCS / "accuracy.md", "\n".join(part for part in parts if part).encode())
    for network in ("resnet20", "resnet8"):
        swept = [trial for trial in trials if trial.network == network and trial.table == "pruning"]
        if swept:
            with paper_style():
                _save(f"accuracy_{network}", _sweep_picture(network, swept, rows))


def _top1(trials: Iterable[Trial], rows: Rows, row: str, column: str) -> str:
    for trial in trials:
        if (trial.row, trial.column) == (row, column):
            return rows[trial.key].get("top1_percent") or "n/a"
    return ""


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (header, rule, *lines)]


def _widths(trials: Sequence[Trial], rows: Rows) -> str:
    names = ["w8a8", "w6a6", "w4a8", "w4a4", "w3a8"]
    lines = []
    for network in NETWORKS:
        own = [trial for trial in trials if trial.network == network and trial.table in ("float", "widths")]
        if own:
            cells = [f"{_top1(own, rows, name, 'default')} ({_top1(own, rows, name, 'none')})" for name in names]
            lines.append([network, _top1(own, rows, "float", "top-1"), *cells])
    text = ["## Uniform widths", "", "Default repairs, in brackets without any; all images of the report half.", ""]
    return "\n".join([*text, *_table(["network", "float", *names], lines), ""])


def _repairs(trials: Sequence[Trial], rows: Rows) -> str:
    parts = []
    for network in NETWORKS:
        own = [trial for trial in trials if trial.network == network and trial.table == "repairs"]
        if own:
            names = list(dict.fromkeys(trial.row for trial in own))
            lines = [[name, *(_top1(own, rows, name, switch) for switch in SWITCHES)] for name in names]
            parts += [f"### {network}", "", *_table(["every layer", *SWITCHES], lines), ""]
    return "\n".join(["## Repairs, one by one", "", f"{SWEEP_IMAGES:,} images.", "", *parts]) if parts else ""


def _pruning(trials: Sequence[Trial], rows: Rows) -> str:
    parts = []
    for network in NETWORKS:
        own = [trial for trial in trials if trial.network == network and trial.table == "pruning"]
        if not own:
            continue
        shares = sorted({trial.row.rpartition(" ")[0].rpartition(" ")[2] for trial in own}, key=int)
        lines = []
        for algorithm in dict.fromkeys(trial.row.split()[0] for trial in own):
            for column in ("none", "default"):
                cells = [_top1(own, rows, f"{algorithm} {share} %", column) for share in shares]
                if any(cells):
                    lines.append([algorithm, column, *cells])
        header = ["algorithm", "repairs", *(f"{share} %" for share in shares)]
        parts += [f"### {network}", "", *_table(header, lines), ""]
        if network in ("resnet20", "resnet8"):
            parts += [f"![Top-1 after pruning {network}](pictures/accuracy_{network}.svg)", ""]
            parts += ["Solid: default repairs; dotted: none.", ""]
    text = ["## Pruning at 8 bits", "", f"{SWEEP_IMAGES:,} images; the ratio is the same in every layer.", ""]
    return "\n".join([*text, *parts]) if parts else ""


def _left(rows: Rows) -> str:
    left = len({trial.key for trial in all_trials() if trial.key not in rows})
    return f"{left} trials have not been run yet; the next run of the study goes on with them.\n" if left else ""


_FAMILIES = {
    "element": "Single weights",
    "filter": "Filters",
    "channel": "Input channels",
    "n_m": "N:M",
    "block": "Blocks",
}


def _sweep_picture(network: str, trials: Sequence[Trial], rows: Rows) -> Figure:
    """One panel per granularity: top-1 over the ratio, repaired (solid) and not (dotted)."""
    families: dict[str, list[str]] = {}
    for algorithm in dict.fromkeys(trial.row.split()[0] for trial in trials):
        families.setdefault(criteria()[algorithm].granularity.value, []).append(algorithm)
    families.pop("n_m", None)  # three points each: in the table
    fig = figure(7.2, 2.9 * -(-len(families) // 2) + 0.3)
    axes = fig.subplots(-(-len(families) // 2), 2, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, (family, algorithms) in zip(axes, families.items(), strict=False):
        for index, algorithm in enumerate(algorithms):
            _curve(ax, trials, rows, algorithm, index)
        heading(ax, f"{_FAMILIES[family]}, {network}")
        grid(ax, "both")
        ax.set_xlim(5, 75)
        ax.set_ylim(0, 100)
        ax.set_xlabel("Removed from every layer (%)")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=5.5, loc="upper left", bbox_to_anchor=(0, -0.2), ncols=4, borderaxespad=0)
    for ax in axes[len(families) :]:
        ax.set_visible(False)
    for ax in axes[::2]:
        ax.set_ylabel("Top-1 (%)")
    return fig


_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
_MARKERS = "os^Dv<>Pxd*h"


def _curve(ax: Axes, trials: Sequence[Trial], rows: Rows, algorithm: str, index: int) -> None:
    colour, marker = _COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)]
    label: str | None = algorithm
    for column, style in (("default", "-"), ("none", ":")):
        points = [
            (100 * ratio, float(value))
            for ratio in RATIOS
            if (value := _top1(trials, rows, f"{algorithm} {100 * ratio:.0f} %", column)) not in ("", "n/a")
        ]
        if points:
            ax.plot(*zip(*points, strict=True), style, color=colour, marker=marker, ms=3, lw=1, label=label)
            label = None


def _save(name: str, fig: Figure) -> None:
    freeze_layout(fig)
    write_atomically(DOCS / "pictures" / f"{name}.svg", render_svg(fig))
    write_atomically(DOCS / "pictures" / f"{name}.png", render_png(fig))
