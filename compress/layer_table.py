"""What compression changed, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.labels import shorten
from compress.compressed import CompressedModel
from compress.layer_report import LayerReport

__all__ = ["compression_view"]

_NAME_WIDTH = 32
_KIB = 1024


def compression_view(compressed: CompressedModel, accuracy: Mapping[str, Any] | None) -> RenderableType:
    """A line per layer, the totals and accuracies.

    Args:
        compressed: the network after its policy.
        accuracy: ``images``, and ``float``, ``compressed`` and perhaps ``integer`` with their ``top1_percent``;
            ``None`` if not measured.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for header in ("layer", "algorithm"):
        table.add_column(header, no_wrap=True, vertical="bottom")
    for header in (
        "ratio",
        "filters",
        "channels",
        "zeros\nof all %",
        "W\nbits",
        "A\nbits",
        "KiB\nbefore",
        "KiB\nafter",
    ):
        table.add_column(header, no_wrap=True, justify="right", vertical="bottom")
    for layer in compressed.layers:
        table.add_row(*_cells(layer))
    table.add_section()
    table.add_row(*_totals(compressed.layers), style="bold")
    lines = [Text(line) for line in _accuracy_lines(accuracy)]
    return Group(table, *lines)


def _cells(layer: LayerReport) -> tuple[str, ...]:
    return (
        shorten(layer.name, _NAME_WIDTH),
        layer.algorithm if layer.algorithm != "none" else "",
        f"{layer.ratio:g}" if layer.ratio else "",
        _change(layer.filters_before, layer.filters_after),
        _change(layer.channels_before, layer.channels_after),
        f"{100 * layer.sparsity:.1f}",
        str(layer.w_bits or "float"),
        str(layer.a_bits or "float"),
        f"{layer.bytes_before / _KIB:.1f}",
        f"{layer.bytes_after / _KIB:.1f}",
    )


def _change(before: int, after: int) -> str:
    return str(before) if before == after else f"{before}→{after}"


def _totals(layers: Sequence[LayerReport]) -> tuple[str, ...]:
    before, nonzero = sum(one.weights_before for one in layers), sum(one.nonzero_after for one in layers)
    kib_before, kib_after = (
        sum(getattr(one, f"bytes_{when}") for one in layers) / _KIB for when in ("before", "after")
    )
    zeros = f"{100 * (1 - nonzero / before):.1f}"
    return "total", "", "", "", "", zeros, "", "", f"{kib_before:.1f}", f"{kib_after:.1f}"


def _accuracy_lines(accuracy: Mapping[str, Any] | None) -> list[str]:
    if accuracy is None:
        return []
    before, after = accuracy["float"]["top1_percent"], accuracy["compressed"]["top1_percent"]
    where = f"{accuracy['images']} images of the report split"
    lines = [f"top-1 {before:.2f} % before, {after:.2f} % after ({after - before:+.2f} points), {where}"]
    if "integer" in accuracy:
        lines.append(
            f"top-1 {accuracy['integer']['top1_percent']:.2f} % in integer arithmetic, as the machine computes"
        )
    return lines
