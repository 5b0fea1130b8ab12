"""Area of one machine, or of several side by side, by component."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from accel_sim.labels import AREA_LABELS, shorten
from accel_sim.plots.bars import NARROW_IN
from accel_sim.plots.style import AREA_COLOURS, AREA_HATCHES, drawable, figure, grid
from accel_sim.result import Result

__all__ = ["area"]

_ROOM = 1.12


def area(results: Sequence[Result]) -> Figure:
    """One stacked bar per machine; wiring between components and DRAM are not in it.

    Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    rows = len(results)
    fig = figure(NARROW_IN, 1.3 + 0.32 * max(rows, 2))
    ax = fig.subplots()
    parts = [name for name in AREA_LABELS if any(result.total.areas_mm2.get(name) for result in results)]
    lefts = [0.0] * rows
    for name in parts:
        widths = [result.total.areas_mm2.get(name, 0.0) for result in results]
        ax.barh(range(rows), widths, 0.72, lefts, **_style(name))  # type: ignore[arg-type]
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    for row, end in enumerate(lefts):
        ax.annotate(f"{end:.3g} mm²", (end, row), (3, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(range(rows), [drawable(shorten(str(result.hardware["name"]), 24)) for result in results])
    ax.set_ylim(max(rows, 2) - 0.4, -0.6)
    ax.set_xlim(0, max(lefts, default=0.0) * _ROOM or 1.0)
    ax.set_xlabel("Area without wiring between components (mm²)")
    ax.tick_params(axis="y", length=0)
    grid(ax, "x")
    handles = [Patch(label=AREA_LABELS[name], **_style(name)) for name in parts]  # type: ignore[arg-type]
    fig.legend(handles=handles, loc="outside lower left", ncols=5, handlelength=1.2, columnspacing=1.2)
    return fig


def _style(name: str) -> dict[str, object]:
    return {
        "facecolor": AREA_COLOURS[name],
        "hatch": AREA_HATCHES.get(name),
        "edgecolor": "white",
        "linewidth": 0.0,
    }
