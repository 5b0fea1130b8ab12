"""Bars per layer: which layers share a bar, and how a hundred of them stay legible."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from accel_sim.labels import shorten
from accel_sim.plots.style import drawable
from accel_sim.result import CycleCounts, EnergyBreakdown, LayerResult, sum_fields

__all__ = [
    "LayerBar",
    "bar_groups",
    "draw_bars",
    "figure_size_in",
    "head_of",
    "is_array_layer",
    "label_layers",
    "layer_bars",
]

NARROW_IN, WIDE_IN = 7.16, 10.0
"""Width of a two-column page of the IEEE format, and of a figure for networks of more than `_NARROW_BARS` bars."""
_NARROW_BARS = 30
_NAME_CHARACTERS = 27
_LABEL_PITCH_PT = 7.4
_CHARACTER_PER_PT = 0.62
_MIN_SLOTS = 6


@dataclass(frozen=True)
class LayerBar:
    """One bar: an array layer together with the vector-unit operations that follow it."""

    name: str
    cycles: CycleCounts
    energy_pj: EnergyBreakdown


def is_array_layer(layer: LayerResult) -> bool:
    """Whether the layer is a matrix product (a vector-unit operation has no GEMM)."""
    return layer.groups > 0


def layer_bars(layers: Sequence[LayerResult]) -> tuple[LayerBar, ...]:
    """Layers as bars, one for each of :func:`bar_groups`."""
    return tuple(_bar(group) for group in bar_groups(layers))


def bar_groups(layers: Sequence[LayerResult]) -> list[list[LayerResult]]:
    """Layers that share a bar: each vector-unit operation joins the array layer before it, so sums stay what they were.

    Operations before the first array layer join that one. Without any array layer every operation is a bar.
    """
    groups: list[list[LayerResult]] = []
    merge = any(is_array_layer(layer) for layer in layers)
    has_array_layer = False
    for layer in layers:
        starts_bar = not groups or not merge or (is_array_layer(layer) and has_array_layer)
        has_array_layer = has_array_layer or is_array_layer(layer)
        if starts_bar:
            groups.append([layer])
        else:
            groups[-1].append(layer)
    return groups


def head_of(group: Sequence[LayerResult]) -> LayerResult:
    """The layer that a bar is named after: its array layer, if it has one."""
    return next((layer for layer in group if is_array_layer(layer)), group[0])


def _bar(group: Sequence[LayerResult]) -> LayerBar:
    return LayerBar(
        name=head_of(group).name,
        cycles=sum_fields(CycleCounts, (layer.cycles for layer in group)),
        energy_pj=sum_fields(EnergyBreakdown, (layer.energy_pj for layer in group)),
    )


def figure_size_in(names: Sequence[str]) -> tuple[float, float]:
    """Width and height, inches, of a figure with a bar for each name: the names' length comes on top of the panel."""
    wide = len(names) > _NARROW_BARS
    longest = max(len(label) for label in _labels(names))
    names_in = 0 if _upright(_labels(names)) else longest * _font_pt(len(names)) * _CHARACTER_PER_PT / 72
    return WIDE_IN if wide else NARROW_IN, 2.7 + names_in


def draw_bars(ax: Axes, heights: Sequence[float], bottoms: Sequence[float], **style: object) -> None:
    """Bars in slots 0, 1, ... from ``bottoms`` up by ``heights``, as one object: hundreds of them stay quick."""
    # Bars of long networks touch: gaps of a fraction of a pixel would only flicker.
    half = 0.4 if len(heights) <= 80 else 0.5
    corners = [
        [(i - half, low), (i - half, low + height), (i + half, low + height), (i + half, low)]
        for i, (height, low) in enumerate(zip(heights, bottoms, strict=True))
    ]
    ax.add_collection(PolyCollection(corners, **style))  # type: ignore[arg-type]


def label_layers(ax: Axes, names: Iterable[str], axes_width_in: float) -> None:
    """Name the slots of the x axis: every name where there is room, else every second, third, ... one."""
    labels = _labels(names)
    count = len(labels)
    step = max(1, math.ceil(count * _LABEL_PITCH_PT / (axes_width_in * 72)))
    shown = range(0, count, step)
    ax.set_xticks(
        list(shown),
        [labels[i] for i in shown],
        rotation=0 if _upright(labels) else 90,
        fontsize=_font_pt(count),
    )
    spare = max(0, _MIN_SLOTS - count) / 2
    ax.set_xlim(-0.6 - spare, count - 0.4 + spare)
    ax.set_xlabel("Layer" if step == 1 else f"Layer (every {_ordinal(step)} is named)")


def _labels(names: Iterable[str]) -> list[str]:
    return [drawable(shorten(name, _NAME_CHARACTERS)) for name in names]


def _upright(labels: Sequence[str]) -> bool:
    return len(labels) <= 4 and max(map(len, labels)) * len(labels) <= 48


def _font_pt(bars: int) -> float:
    return 7 if bars <= _NARROW_BARS else 5.5


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")
