"""Names beside points, placed so that no two texts touch and no text leaves the panel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from accel_sim.plots.style import freeze_layout

__all__ = ["Callout", "place_callouts"]

_RADII_PT = (8, 14, 22, 32, 44, 58, 74)
_ANGLES_DEG = (-35, -145, 0, 180, 35, 145, -80, -100, 80, 100)


@dataclass(frozen=True)
class Callout:
    """A text for the point ``(x, y)`` in data coordinates."""

    text: str
    x: float
    y: float


def place_callouts(
    fig: Figure, ax: Axes, callouts: Sequence[Callout], obstacles: Sequence[tuple[float, float]]
) -> list[Annotation]:
    """Write each text at the first free place around its point, nearest first; without a free place it is left out.

    Free means: inside the panel, clear of all texts, of the points drawn by ``ax.scatter`` and of ``obstacles``
    (points in data coordinates). The layout is fixed from then on, because places are found in pixels.
    """
    renderer: RendererBase = freeze_layout(fig).get_renderer()  # type: ignore[no-untyped-call]
    markers = _marker_boxes(fig, ax)
    taken = [*_text_boxes(ax, renderer), *markers, *_dots(ax.transData.transform(np.asarray(obstacles)))]
    placed: list[Annotation] = []
    for callout in callouts:
        texts = [_extent(text, renderer) for text in placed]
        # A leader line that runs below another point could be taken for that point's; unavoidable in a dense cloud.
        annotation = _first_free(ax, callout, taken, [*texts, *markers], renderer) or _first_free(
            ax, callout, taken, texts, renderer
        )
        if annotation is not None:
            box = _extent(annotation, renderer)
            taken += [box, *_dots(_leader(ax, callout, box))]
            placed.append(annotation)
    return placed


def _text_boxes(ax: Axes, renderer: RendererBase) -> list[Bbox]:
    texts = [child for child in ax.get_children() if isinstance(child, Text) and child.get_text()]
    return [_extent(text, renderer) for text in texts]


def _dots(pixels: NDArray[np.float64]) -> list[Bbox]:
    return [Bbox.from_extents(x - 1, y - 1, x + 1, y + 1) for x, y in pixels]


def _marker_boxes(fig: Figure, ax: Axes) -> list[Bbox]:
    boxes: list[Bbox] = []
    for cloud in ax.collections:
        areas: NDArray[np.float64] = cloud.get_sizes()  # type: ignore[attr-defined]
        centres = ax.transData.transform(np.asarray(cloud.get_offsets()))
        for (x, y), area in zip(centres, areas, strict=True):
            radius_px = math.sqrt(area) * 0.6 * fig.dpi / 72
            boxes.append(Bbox.from_extents(x - radius_px, y - radius_px, x + radius_px, y + radius_px))
    return boxes


def _extent(text: Text, renderer: RendererBase) -> Bbox:
    # Of an annotation only the text counts here; where its leader line may run is `_crosses`'s affair.
    return Text.get_window_extent(text, renderer)


def _crosses(ax: Axes, callout: Callout, box: Bbox, blockers: Sequence[Bbox]) -> bool:
    """Whether the line from the point to the middle of ``box`` runs through a blocker that the point is not in."""
    line = _leader(ax, callout, box)
    others = [blocker for blocker in blockers if not blocker.contains(*line[0])]
    return any(other.contains(x, y) for x, y in line for other in others)


def _leader(ax: Axes, callout: Callout, box: Bbox) -> NDArray[np.float64]:
    """Pixels ``(21, 2)`` along the line from the point to the middle of ``box``."""
    start = ax.transData.transform((callout.x, callout.y))
    end = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
    return np.asarray(start + (end - start) * np.linspace(0, 1, 21)[:, None])


def _first_free(
    ax: Axes, callout: Callout, taken: Sequence[Bbox], blockers: Sequence[Bbox], renderer: RendererBase
) -> Annotation | None:
    panel = ax.get_window_extent(renderer)
    for dx, dy in _offsets():
        annotation = ax.annotate(
            callout.text,
            (callout.x, callout.y),
            (dx, dy),
            textcoords="offset points",
            ha="left" if dx > 1 else "right" if dx < -1 else "center",
            va="center",
            fontsize=7,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "#555555", "shrinkA": 0, "shrinkB": 0},
            # White behind the text, so that a faint line of the panel may pass below it.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
            # Below the markers (3), so that a line ends at the rim of its point.
            zorder=2.5,
        )
        annotation.update_positions(renderer)
        box = _extent(annotation, renderer).padded(1.5)
        inside = panel.x0 < box.x0 and box.x1 < panel.x1 and panel.y0 < box.y0 and box.y1 < panel.y1
        if inside and not any(box.overlaps(other) for other in taken) and not _crosses(ax, callout, box, blockers):
            return annotation
        annotation.remove()
    return None


def _offsets() -> Iterator[tuple[float, float]]:
    for radius in _RADII_PT:
        for angle in _ANGLES_DEG:
            yield radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))
