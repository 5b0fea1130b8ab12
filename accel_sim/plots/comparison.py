"""Several machines on the same model, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from accel_sim.energy.uncertainty import interval
from accel_sim.labels import COMPONENT_LABELS, format_si, shorten, si_scale
from accel_sim.plots.bars import NARROW_IN
from accel_sim.plots.energy import bar_style, components_in_use, draw_whiskers
from accel_sim.plots.style import NEUTRAL, drawable, figure, grid
from accel_sim.result import Result
from accel_sim.uncertain_comparison import UncertainComparison

__all__ = ["compare"]

_PJ = 1e-12


def compare(results: Sequence[Result], sure: UncertainComparison | None = None) -> Figure:
    """Energy by component, latency, EDP relative to the first machine, and area; one row per machine.

    With ``sure`` a whisker shows the middle nine tenths of the draws of each energy.

    Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    rows = len(results)
    fig = figure(NARROW_IN, 1.5 + 0.32 * max(rows, 2))
    energy, latency, edp, area = fig.subplots(1, 4, width_ratios=(2.6, 1, 1, 1), sharey=True)
    fig.suptitle(drawable(results[0].model), x=0.01, ha="left", fontsize=8.5, fontweight="bold")
    _energy_panel(fig, energy, results, sure)
    _bar_panel(latency, results, "Latency", "s", lambda result: result.total.latency_s)
    base = results[0].total.edp_js
    _bar_panel(edp, results, "EDP (first = 1)", None, lambda result: result.total.edp_js / base if base else 0.0)
    _bar_panel(area, results, "Area", "mm²", lambda result: result.total.area_mm2)
    names = [drawable(shorten(str(result.hardware["name"]), 24)) for result in results]
    energy.set_yticks(range(rows), names)
    energy.set_ylim(rows - 0.4, -0.6)
    return fig


def _energy_panel(fig: Figure, ax: Axes, results: Sequence[Result], sure: UncertainComparison | None) -> None:
    breakdowns = [result.total.energy_pj for result in results]
    components = components_in_use(breakdowns)
    scale = si_scale(max(energy.total for energy in breakdowns) * _PJ, "J")
    lefts = [0.0] * len(results)
    for component in components:
        widths = [getattr(energy, component) * _PJ / scale.divisor for energy in breakdowns]
        ax.barh(range(len(results)), widths, 0.72, lefts, **bar_style(component))  # type: ignore[arg-type]
        lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
    ends = lefts
    if sure is not None:
        intervals = [interval(energy.total_pj * _PJ / scale.divisor) for energy in sure.energies]
        draw_whiskers(ax, range(len(results)), intervals)
        ends = [max(left, whisker.high) for left, whisker in zip(lefts, intervals, strict=True)]
    _totals_at_end(ax, ends, [format_si(energy.total * _PJ, "J") for energy in breakdowns], room=1.25)
    ax.set_xlabel(f"Energy ({scale.unit})")
    handles = [Patch(label=COMPONENT_LABELS[name], **bar_style(name)) for name in components]  # type: ignore[arg-type]
    fig.legend(handles=handles, loc="outside lower left", ncols=6, handlelength=1.2, columnspacing=1.2)


def _bar_panel(
    ax: Axes, results: Sequence[Result], title: str, unit: str | None, value_of: Callable[[Result], float]
) -> None:
    values = [value_of(result) for result in results]
    # Square millimetres take no prefix: a milli-square-millimetre is nobody's unit.
    scale = si_scale(max(values), unit) if unit == "s" else None
    shown = [value / scale.divisor for value in values] if scale else values
    ax.barh(range(len(results)), shown, 0.72, color=NEUTRAL)
    texts = [format_si(value, "s") for value in values] if scale else [_three_digits(value) for value in values]
    _totals_at_end(ax, shown, texts, room=1.7)
    named_unit = scale.unit if scale else unit
    ax.set_xlabel(f"{title} ({named_unit})" if named_unit else title)
    ax.tick_params(axis="y", length=0)


def _three_digits(value: float) -> str:
    return f"{value:#.3g}".rstrip(".") if value < 1000 else f"{value:,.0f}"


def _totals_at_end(ax: Axes, ends: Sequence[float], texts: Sequence[str], room: float) -> None:
    for row, (end, text) in enumerate(zip(ends, texts, strict=True)):
        ax.annotate(text, (end, row), (3, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_xlim(0, max(ends) * room or 1.0)
    ax.locator_params(axis="x", nbins=4)
    grid(ax, "x")
