"""The reference engine: every PE, every cycle, with real integer operands."""

from accel_sim.reference.engine import ReferenceRun, plan_layer, run_folds, run_reference
from accel_sim.reference.spec import ArraySpec
from accel_sim.reference.tables import Pace

__all__ = ["ArraySpec", "Pace", "ReferenceRun", "plan_layer", "run_folds", "run_reference"]
