"""The outcome of a search as a table for a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.labels import shorten
from rl.runs.result import SearchResult

__all__ = ["search_view"]

_NAME_WIDTH = 32


def search_view(result: SearchResult) -> RenderableType:
    """The chosen policy, a line per layer, and what it saves and loses."""
    return Group(_policy(result), *(Text(line) for line in _lines(result)))


def _policy(result: SearchResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("layer", no_wrap=True, vertical="bottom")
    table.add_column("algorithm", no_wrap=True, vertical="bottom")
    for header in ("ratio", "W\nbits", "A\nbits"):
        table.add_column(header, justify="right", vertical="bottom")
    space = result.problem.space
    for layer, choice in zip(space.layers, result.winner.outcome.candidate, strict=True):
        option = space.options[choice.option]
        pattern = f"{option.n_m.keep}:{option.n_m.of}" if option.n_m is not None else ""
        ratio = f"{choice.ratio:g}" if choice.ratio else pattern
        algorithm = option.algorithm if option.algorithm != "none" else ""
        table.add_row(shorten(layer.name, _NAME_WIDTH), algorithm, ratio, str(choice.w_bits), str(choice.a_bits))
    return table


def _lines(result: SearchResult) -> list[str]:
    found = result.summary
    best, base = found["best"], found["float"]
    within = "within" if best["within_bound"] else "BEYOND"
    images = found["images"]
    return [
        f"{found['model']} on {found['hardware']}: {found['episodes']} policies by {found['agent']},"
        f" seed {found['seed']}",
        f"energy   {best['energy_pj'] / 1e6:,.2f} µJ an image: {best['saved_percent']:.1f} % less than dense 8 bit,"
        f" {best['saved_percent_of_16_bit']:.1f} % less than dense 16 bit",
        f"search   top-1 {best['search_top1_percent']:.2f} % of {images['search']} images (float"
        f" {base['search_top1_percent']:.2f} %): {best['search_loss_points']:+.2f} points lost, {within} the bound of"
        f" {found['max_loss_points']:g}",
        f"report   top-1 {best['report_top1_percent']:.2f} % of {images['report']} images (float"
        f" {base['report_top1_percent']:.2f} %): {best['report_loss_points']:+.2f} points lost",
    ]
