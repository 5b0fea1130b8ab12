"""Energy per layer, stacked by component, beside the network's total."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accel_sim.energy.uncertainty import Interval, UncertainEnergy, interval
from accel_sim.labels import COMPONENT_LABELS, format_si, si_scale
from accel_sim.plots.bars import LayerBar, draw_bars, figure_size_in, label_layers, layer_bars
from accel_sim.plots.style import COMPONENT_COLOURS, COMPONENT_HATCHES, figure, grid, heading
from accel_sim.result import EnergyBreakdown, Result

__all__ = ["bar_style", "components_in_use", "draw_whiskers", "energy_breakdown"]

_PJ = 1e-12
_PANELS = (0.74, 0.26)


def energy_breakdown(result: Result, sure: UncertainEnergy | None = None) -> Figure:
    """Stacked bars per layer, and the total per component; the right panel is the legend of the left one.

    Vector-unit operations are added to the array layer before them. With ``sure`` a whisker shows the middle nine
    tenths of the draws of each component. Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    bars = layer_bars(result.layers)
    names = [bar.name for bar in bars]
    width_in, height_in = figure_size_in(names)
    fig = figure(width_in, height_in)
    left, right = fig.subplots(1, 2, width_ratios=_PANELS)
    components = components_in_use([result.total.energy_pj])
    _per_layer(left, bars, components)
    label_layers(left, names, width_in * _PANELS[0] * 0.9)
    heading(left, f"{result.model} on {result.hardware['name']}")
    _totals(right, result.total.energy_pj, components, sure)
    return fig


def components_in_use(breakdowns: Sequence[EnergyBreakdown]) -> list[str]:
    """Components that are not zero in all of ``breakdowns``, in stacking order."""
    return [name for name in COMPONENT_LABELS if any(getattr(energy, name) for energy in breakdowns)]


def bar_style(component: str) -> dict[str, object]:
    """Colour, hatch and edge of a component's bars."""
    return {
        "facecolor": COMPONENT_COLOURS[component],
        "hatch": COMPONENT_HATCHES.get(component),
        "edgecolor": "white",
        "linewidth": 0.0,
    }


def _per_layer(ax: Axes, bars: Sequence[LayerBar], components: Sequence[str]) -> None:
    scale = si_scale(max(bar.energy_pj.total for bar in bars) * _PJ, "J")
    bottoms = [0.0] * len(bars)
    for component in components:
        heights = [getattr(bar.energy_pj, component) * _PJ / scale.divisor for bar in bars]
        draw_bars(ax, heights, bottoms, **bar_style(component))
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    ax.set_ylabel(f"Energy per layer ({scale.unit})")
    ax.set_ylim(0, max(bottoms) * 1.05 or 1.0)
    grid(ax, "y")


def draw_whiskers(ax: Axes, rows: Sequence[int], intervals: Sequence[Interval]) -> None:
    """Lines from low to high over horizontal bars."""
    for row, whisker in zip(rows, intervals, strict=True):
        ax.plot([whisker.low, whisker.high], [row, row], color="black", lw=0.9, marker="|", ms=4, mew=0.9)


def _totals(ax: Axes, energy_pj: EnergyBreakdown, components: Sequence[str], sure: UncertainEnergy | None) -> None:
    total = energy_pj.total
    heading(ax, f"Total {format_si(total * _PJ, 'J')}")
    shares = [100 * getattr(energy_pj, component) / total for component in components]
    most = 0.0
    for row, (component, share) in enumerate(zip(components, shares, strict=True)):
        ax.barh(row, share, 0.72, **bar_style(component))  # type: ignore[arg-type]
        end = share
        if sure is not None:
            whisker = interval(100 * sure.of(component) / total)
            draw_whiskers(ax, [row], [whisker])
            end = max(share, whisker.high)
        most = max(most, end)
        ax.annotate(f"{share:.1f} %", (end, row), (3, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(range(len(components)), [COMPONENT_LABELS[component] for component in components])
    ax.set_ylim(max(len(components), 4) - 0.4, -0.6)
    ax.set_xlim(0, (most or 74) * 1.35)
    ax.set_xlabel(f"Share of the energy (%){_whiskers_text(sure)}")
    ax.tick_params(axis="y", length=0)


def _whiskers_text(sure: UncertainEnergy | None) -> str:
    """What the whiskers show, and the total's."""
    if sure is None:
        return ""
    whole = interval(sure.total_pj)
    return f"\n5 to 95 %; total {format_si(whole.low * _PJ, 'J')} to {format_si(whole.high * _PJ, 'J')}"
