"""Pictures of a :class:`~accel_sim.result.Result`: energy, cycles, roofline, utilisation, machines side by side.

matplotlib's object interface only; pyplot and its global state are never imported.
"""

from accel_sim.plots.comparison import compare
from accel_sim.plots.cycles import cycles, utilization
from accel_sim.plots.energy import energy_breakdown
from accel_sim.plots.operands import operands
from accel_sim.plots.roofline import Roofs, roofline
from accel_sim.plots.style import paper_style
from accel_sim.plots.traffic import traffic
from accel_sim.plots.write import write_comparison, write_plots

__all__ = [
    "Roofs",
    "compare",
    "cycles",
    "energy_breakdown",
    "operands",
    "paper_style",
    "roofline",
    "traffic",
    "utilization",
    "write_comparison",
    "write_plots",
]
