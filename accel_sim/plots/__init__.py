"""Pictures of a :class:`~accel_sim.result.Result`: energy, cycles, roofline, utilisation, machines side by side.

``picture(energy_breakdown, result)`` draws one of them where it is looked at, in a notebook; ``write_plots`` writes
files. matplotlib's object interface only; pyplot and its global state are never imported.
"""

from accel_sim.plots.area import area
from accel_sim.plots.comparison import compare
from accel_sim.plots.cycles import cycles, utilization
from accel_sim.plots.energy import energy_breakdown
from accel_sim.plots.operands import operands
from accel_sim.plots.picture import Picture, picture
from accel_sim.plots.roofline import Roofs, roofline
from accel_sim.plots.style import figure, paper_style
from accel_sim.plots.traffic import traffic
from accel_sim.plots.write import write_comparison, write_plots

__all__ = [
    "Picture",
    "Roofs",
    "area",
    "compare",
    "cycles",
    "energy_breakdown",
    "figure",
    "operands",
    "paper_style",
    "picture",
    "roofline",
    "traffic",
    "utilization",
    "write_comparison",
    "write_plots",
]
