"""What each layer of a network can bear: one layer changed at a time, all others float, and the network measured."""

from compress.sensitivity.measure import layer_sensitivity
from compress.sensitivity.probes import A_BITS, W_BITS, Probes
from compress.sensitivity.table import SensitivityRow, SensitivityTable

__all__ = ["A_BITS", "W_BITS", "Probes", "SensitivityRow", "SensitivityTable", "layer_sensitivity"]
