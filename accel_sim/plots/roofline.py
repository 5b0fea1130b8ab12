"""Roofline: how close every array layer comes to the peak of the array and to the bandwidth of the DRAM.

After Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009; with
MACs for operations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from accel_sim.labels import shorten
from accel_sim.plots.bars import NARROW_IN, is_array_layer
from accel_sim.plots.callouts import Callout, place_callouts
from accel_sim.plots.kinds import kind_of
from accel_sim.plots.style import GREY, KIND_STYLES, drawable, figure, grid, heading
from accel_sim.result import LayerResult, Result

__all__ = ["Roofs", "roofline"]

_NAMED_SHAPES = 6
_NAMED_SHARE = 0.75
_MIN_AREA_PT2, _MAX_AREA_PT2 = 6.0, 150.0


@dataclass(frozen=True)
class Roofs:
    """What bounds a layer.

    Attributes:
        peak_macs_per_cycle: ``rows·cols·lanes·arrays``, divided by the passes of operands wider than the multiplier.
        dram_bytes_per_cycle: of all DRAM channels, per cycle of the array's clock; infinite for an ideal memory.

    """

    peak_macs_per_cycle: float
    dram_bytes_per_cycle: float

    @property
    def balance_macs_per_byte(self) -> float:
        """Intensity at which the two roofs meet; 0 for an ideal memory."""
        return self.peak_macs_per_cycle / self.dram_bytes_per_cycle


@dataclass(frozen=True)
class _Point:
    layer: LayerResult
    intensity: float
    macs_per_cycle: float
    share: float


def roofline(result: Result, roofs: Roofs) -> Figure:
    """Every array layer as a point whose area is its share of the time, below the two roofs.

    The shapes that take most of the time are named. A layer without DRAM traffic stands at the right edge, with a
    hollow marker. Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    fig = figure(NARROW_IN, 4.4)
    ax = fig.subplots()
    ax.set_xscale("log")
    ax.set_yscale("log")
    layers = [layer for layer in result.layers if is_array_layer(layer) and layer.macs.total and layer.cycles.total]
    limits = _x_limits(layers, roofs)
    points = _points(layers, limits[1])
    _set_limits(ax, limits, points, roofs)
    _draw_points(ax, points)
    _axes_texts(ax, result)
    heading(ax, f"{result.model} on {result.hardware['name']}", _handles(points))
    _draw_roofs(ax, roofs)
    place_callouts(fig, ax, _callouts(points), obstacles=_roof_samples(ax, roofs))
    return fig


def _dram_bytes(layer: LayerResult) -> int:
    return layer.dram.read_bytes + layer.dram.write_bytes


def _x_limits(layers: Sequence[LayerResult], roofs: Roofs) -> tuple[float, float]:
    known = [layer.macs.total / _dram_bytes(layer) for layer in layers if _dram_bytes(layer)]
    balance = roofs.balance_macs_per_byte
    if not balance:
        return min(known, default=1.0) / 6, max(known, default=1.0) * 6
    return min([*known, balance / 5]) / 4, max([*known, balance * 3]) * 6


def _points(layers: Sequence[LayerResult], right_edge: float) -> list[_Point]:
    busy = sum(layer.cycles.total for layer in layers)
    return [
        _Point(
            layer=layer,
            intensity=layer.macs.total / _dram_bytes(layer) if _dram_bytes(layer) else right_edge / 1.3,
            macs_per_cycle=layer.macs.total / layer.cycles.total,
            share=layer.cycles.total / busy,
        )
        for layer in layers
    ]


def _set_limits(ax: Axes, x_limits: tuple[float, float], points: Sequence[_Point], roofs: Roofs) -> None:
    ax.set_xlim(*x_limits)
    lowest = min([point.macs_per_cycle for point in points] + [roofs.peak_macs_per_cycle / 20])
    highest = max([point.macs_per_cycle for point in points] + [roofs.peak_macs_per_cycle])
    ax.set_ylim(lowest / 2.5, highest * 2.5)


def _draw_points(ax: Axes, points: Sequence[_Point]) -> None:
    largest = max((point.share for point in points), default=1.0)
    for kind, (marker, colour) in KIND_STYLES.items():
        cloud = sorted((point for point in points if kind_of(point.layer) == kind), key=lambda point: -point.share)
        if not cloud:
            continue
        ax.scatter(
            [point.intensity for point in cloud],
            [point.macs_per_cycle for point in cloud],
            s=[max(_MIN_AREA_PT2, _MAX_AREA_PT2 * point.share / largest) for point in cloud],
            marker=marker,
            facecolors=[colour if _dram_bytes(point.layer) else "white" for point in cloud],
            edgecolors=["white" if _dram_bytes(point.layer) else colour for point in cloud],
            linewidths=0.6,
            zorder=3,
        )


def _draw_roofs(ax: Axes, roofs: Roofs) -> None:
    left, right = ax.get_xlim()
    peak = roofs.peak_macs_per_cycle
    ax.plot([max(left, roofs.balance_macs_per_byte), right], [peak, peak], color="black", linewidth=1.2, zorder=2)
    ax.annotate(
        f"Peak {_number(peak)} MAC/cycle",
        (right, peak),
        (-4, 3),
        textcoords="offset points",
        ha="right",
        fontsize=7,
    )
    if roofs.balance_macs_per_byte:
        _draw_bandwidth(ax, roofs)


def _draw_bandwidth(ax: Axes, roofs: Roofs) -> None:
    left, right = ax.get_xlim()
    bottom, _ = ax.get_ylim()
    peak, bandwidth, balance = roofs.peak_macs_per_cycle, roofs.dram_bytes_per_cycle, roofs.balance_macs_per_byte
    ax.plot([left, balance], [left * bandwidth, peak], color="black", linewidth=1.2, zorder=2)
    ax.plot([balance, balance], [bottom, peak], color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    left_of_ridge = math.log(balance / left) > 0.35 * math.log(right / left)
    ax.annotate(
        f"Machine balance {_number(balance)} MAC/byte",
        (balance, peak),
        (4 if left_of_ridge else -4, 13),
        textcoords="offset points",
        ha="right" if left_of_ridge else "left",
        fontsize=7,
        color="#555555",
    )
    # Half-way up the visible part of the slope, in the logarithm, where both ends are far.
    low = max(left, bottom / bandwidth)
    middle = math.sqrt(low * balance)
    ax.text(
        middle,
        middle * bandwidth * 1.12,
        f"DRAM {_number(bandwidth)} byte/cycle",
        rotation=math.degrees(math.atan(bandwidth)),
        rotation_mode="anchor",
        transform_rotates_text=True,
        ha="center",
        va="bottom",
        fontsize=7,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _roof_samples(ax: Axes, roofs: Roofs) -> list[tuple[float, float]]:
    left, right = ax.get_xlim()
    xs = [left * (right / left) ** (i / 150) for i in range(151)]
    return [(x, min(x * roofs.dram_bytes_per_cycle, roofs.peak_macs_per_cycle)) for x in xs]


def _callouts(points: Sequence[_Point]) -> list[Callout]:
    shapes: dict[tuple[object, ...], list[_Point]] = {}
    for point in points:
        layer = point.layer
        key = (layer.op, layer.groups, layer.m, layer.n, layer.k, layer.a_bits, layer.w_bits)
        shapes.setdefault(key, []).append(point)
    callouts: list[Callout] = []
    covered = 0.0
    for alike in sorted(shapes.values(), key=lambda group: -sum(point.share for point in group)):
        if len(callouts) == _NAMED_SHAPES or covered > _NAMED_SHARE:
            break
        largest = max(alike, key=lambda point: point.share)
        share = sum(point.share for point in alike)
        covered += share
        times = f" ×{len(alike)}" if len(alike) > 1 else ""
        name = drawable(shorten(largest.layer.name, 28))
        callouts.append(Callout(f"{name}{times}, {100 * share:.0f} %", largest.intensity, largest.macs_per_cycle))
    return callouts


def _axes_texts(ax: Axes, result: Result) -> None:
    ax.set_xlabel("Operational intensity (MAC per DRAM byte)")
    ax.set_ylabel("Throughput (MAC/cycle)")
    tops = 2 * result.hardware["technology"]["clock_mhz"] * 1e6 / 1e12
    right = ax.secondary_yaxis("right", functions=(lambda y: y * tops, lambda y: y / tops))
    right.set_ylabel("Throughput (TOPS, 2 per MAC)")
    right.spines["right"].set_visible(True)
    for axis in (ax.xaxis, ax.yaxis, right.yaxis):
        _plain_numbers(axis)
    grid(ax, "both")


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())


def _handles(points: Sequence[_Point]) -> list[Line2D]:
    used = {kind_of(point.layer) for point in points}
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=5, label=kind)
        for kind, (marker, colour) in KIND_STYLES.items()
        if kind in used
    ]
    if any(not _dram_bytes(point.layer) for point in points):
        handles.append(Line2D([], [], linestyle="", marker="o", mfc="white", mec=GREY, label="No DRAM traffic"))
    handles.append(Line2D([], [], linestyle="", label="(area of a point: share of the time)"))
    return handles
