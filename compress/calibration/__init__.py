"""Real integer operands for the layers of a workload, from a model and images."""

from compress.calibration.calibrate import Calibration, LayerScales, calibrate

__all__ = ["Calibration", "LayerScales", "calibrate"]
