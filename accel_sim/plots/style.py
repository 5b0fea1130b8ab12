"""One look for all pictures: sizes, fonts, colours, and how a figure becomes SVG and PNG bytes.

Colours are those of Okabe and Ito (2008), which stay apart for colour-blind readers; a component keeps its colour
in every picture. Figures are built with matplotlib's objects, never with pyplot's global state.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from accel_sim.labels import shorten

__all__ = [
    "AREA_COLOURS",
    "AREA_HATCHES",
    "COMPONENT_COLOURS",
    "COMPONENT_HATCHES",
    "COMPUTE_COLOUR",
    "GREY",
    "KIND_STYLES",
    "NEUTRAL",
    "STALL_COLOUR",
    "drawable",
    "figure",
    "freeze_layout",
    "grid",
    "heading",
    "legend_above",
    "paper_style",
    "render_png",
    "render_svg",
]

_ORANGE, _SKY, _GREEN, _YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
_BLUE, _VERMILLION, _PURPLE, _BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
GREY = "#8C8C8C"
NEUTRAL = "#595959"
"""For quantities that have no component: latency, area, a layer of no kind."""
COMPUTE_COLOUR, STALL_COLOUR = _BLUE, _ORANGE

COMPONENT_COLOURS = {
    "multiply": _VERMILLION,
    "accumulate": _ORANGE,
    "registers": _PURPLE,
    "fifos": _PURPLE,
    "sparsity_logic": _VERMILLION,
    "activations_sram": _SKY,
    "weights_sram": _GREEN,
    "outputs_sram": _YELLOW,
    "dram": _BLUE,
    "vector_unit": _BLACK,
    "leakage": "#B3B3B3",
}
AREA_COLOURS = {
    "pe_arithmetic": _VERMILLION,
    "pe_registers": _PURPLE,
    "pe_fifos": _PURPLE,
    "pe_sparsity": _VERMILLION,
    "edge_logic": _ORANGE,
    "activations_sram": _SKY,
    "weights_sram": _GREEN,
    "outputs_sram": _YELLOW,
    "vector_unit": _BLACK,
}
AREA_HATCHES = {"pe_fifos": "/////", "pe_sparsity": "....."}
COMPONENT_HATCHES = {"fifos": "/////", "sparsity_logic": "....."}
"""Eleven components, nine colours: these two share one with their neighbour and are hatched."""

KIND_STYLES = {
    "Convolution": ("o", _BLUE),
    "Grouped convolution": ("s", _VERMILLION),
    "Linear": ("^", _GREEN),
    "Matrix product": ("D", _ORANGE),
}
"""Kind of array layer -> marker and colour."""

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "hatch.linewidth": 0.5,
    "savefig.dpi": 200,
    "svg.fonttype": "path",
    # Element ids of an SVG are hashes; a fixed salt makes the same figure the same bytes.
    "svg.hashsalt": "bitgrove",
    # Layer names are shown as they are, '$' included.
    "text.parse_math": False,
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Apply matplotlib's defaults plus this module's, whatever the user's matplotlibrc says; undone at the end."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def figure(width_in: float, height_in: float) -> Figure:
    """Make an empty figure whose panels make room for their own labels."""
    return Figure(figsize=(width_in, height_in), layout="constrained")


def grid(ax: Axes, axis: str) -> None:
    """Faint lines behind the data, along ``x``, ``y`` or ``both``."""
    ax.grid(axis=axis, color="#DDDDDD", linewidth=0.5)  # type: ignore[arg-type]


def heading(ax: Axes, text: str, handles: Sequence[Artist] = ()) -> None:
    """Write a title, and below it the legend in one row above the panel, where it covers no data."""
    ax.set_title(drawable(shorten(text, 90)), pad=16 if handles else 6)
    if handles:
        legend_above(ax, handles)


def legend_above(ax: Axes, handles: Sequence[Artist]) -> None:
    """The legend in one row above the panel, where it covers no data."""
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(handles),
        borderaxespad=0.2,
        borderpad=0.1,
        columnspacing=1.4,
        handletextpad=0.4,
    )


def freeze_layout(fig: Figure) -> FigureCanvasAgg:
    """Lay the panels out once and keep that layout; what is drawn later is drawn faster, and sits where it was put."""
    canvas = FigureCanvasAgg(fig)
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    return canvas


def render_svg(fig: Figure) -> bytes:
    """SVG of the figure, without a date: the same figure gives the same bytes."""
    out = io.BytesIO()
    fig.savefig(out, format="svg", metadata={"Date": None, "Creator": "Bitgrove"})
    return out.getvalue()


def render_png(fig: Figure) -> bytes:
    """PNG of the figure, 200 dots per inch."""
    out = io.BytesIO()
    fig.savefig(out, format="png", metadata={"Software": "Bitgrove"})
    return out.getvalue()


def drawable(text: str) -> str:
    """``text`` with ``?`` for control characters and for what the font has no glyph for."""
    font = _font()
    return "".join(
        c if font.get_char_index(ord(c)) and not unicodedata.category(c).startswith("C") else "?" for c in text
    )


@cache
def _font() -> FT2Font:
    return font_manager.get_font(font_manager.findfont("DejaVu Sans"))
