"""Pictures to files: every figure as SVG and PNG, rendered in memory first, then written at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from accel_sim.energy.uncertainty import UncertainEnergy
from accel_sim.files import make_directory, write_atomically
from accel_sim.operand_statistics import WorkloadStatistics
from accel_sim.plots.area import area
from accel_sim.plots.comparison import compare
from accel_sim.plots.cycles import cycles, utilization
from accel_sim.plots.energy import energy_breakdown
from accel_sim.plots.operands import operands
from accel_sim.plots.roofline import Roofs, roofline
from accel_sim.plots.style import freeze_layout, paper_style, render_png, render_svg
from accel_sim.plots.tornado import tornado
from accel_sim.plots.traffic import traffic
from accel_sim.result import Result
from accel_sim.traffic_bound import TrafficBound
from accel_sim.uncertain_comparison import UncertainComparison

__all__ = ["write_comparison", "write_figures", "write_plots"]


def write_plots(
    result: Result,
    directory: Path,
    roofs: Roofs,
    statistics: WorkloadStatistics | None = None,
    bounds: Mapping[str, TrafficBound] | None = None,
    sure: UncertainEnergy | None = None,
) -> list[Path]:
    """``energy_breakdown``, ``cycles``, ``roofline``, ``utilization``, ``area`` in ``directory``, as SVG and PNG.

    ``traffic`` comes with them where there are bounds of array layers, ``operands`` where there are statistics. With
    ``sure`` the energies carry their intervals. The folder is created; files of these names are replaced. Nothing is
    written before every picture is rendered.

    Returns:
        The files, in the order of the names above.

    Raises:
        InputError: ``directory`` cannot be created or written.

    """
    figures: dict[str, Callable[[], Figure]] = {
        "energy_breakdown": lambda: energy_breakdown(result, sure),
        "cycles": lambda: cycles(result),
        "roofline": lambda: roofline(result, roofs),
        "utilization": lambda: utilization(result),
        "area": lambda: area([result]),
    }
    if bounds:
        figures["traffic"] = lambda: traffic(result, bounds)
    if statistics is not None and statistics.layers:
        figures["operands"] = lambda: operands(statistics)
    return write_figures(figures, directory)


def write_comparison(results: Sequence[Result], directory: Path, sure: UncertainComparison | None = None) -> list[Path]:
    """``compare`` and ``area`` as ``.svg`` and ``.png`` in ``directory``: the machines of ``results`` side by side.

    With ``sure`` the energies carry their intervals, and there is a ``tornado_N`` for each machine but the first.

    Raises:
        InputError: ``directory`` cannot be created or written.

    """
    figures: dict[str, Callable[[], Figure]] = {
        "compare": lambda: compare(results, sure),
        "area": lambda: area(results),
    }
    if sure is not None:
        names = [str(result.hardware["name"]) for result in results]
        for number, verdict in enumerate(sure.verdicts, start=1):
            figures[f"tornado_{number}"] = partial(tornado, names[number], names[0], verdict)
    return write_figures(figures, directory)


def write_figures(figures: Mapping[str, Callable[[], Figure]], directory: Path) -> list[Path]:
    """Draw each figure in the house style, then write all of them under their names, as ``.svg`` and ``.png``."""
    rendered: dict[Path, bytes] = {}
    for name, draw in figures.items():
        with paper_style():
            fig = draw()
            freeze_layout(fig)
            rendered[directory / f"{name}.svg"] = render_svg(fig)
            rendered[directory / f"{name}.png"] = render_png(fig)
    make_directory(directory)
    for path, content in rendered.items():
        write_atomically(path, content)
    return list(rendered)
