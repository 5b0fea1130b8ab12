"""Cycle-accurate simulation of systolic accelerators: cycles, traffic, energy and area of a network.

>>> from accel_sim import gemm, load_hardware, simulate
>>> hardware = load_hardware("dense_int8_16x16", overrides={"array.rows": 8, "array.dataflow": "os"})
>>> result = simulate(gemm(m=64, n=32, k=128), hardware)
>>> result.total.macs.total
262144
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel_sim.hardware.load import load_hardware
    from accel_sim.hardware.schema import Hardware
    from accel_sim.result import Result
    from accel_sim.simulation import simulate
    from accel_sim.workload import GemmLayer, VectorLayer, Workload, gemm

__version__ = "0.1.0"

__all__ = [
    "GemmLayer",
    "Hardware",
    "Result",
    "VectorLayer",
    "Workload",
    "__version__",
    "gemm",
    "load_hardware",
    "simulate",
]

# Looked up at first use, so that `import accel_sim` stays cheap (numba takes 0.8 s to import).
_HOMES = {
    "GemmLayer": "accel_sim.workload",
    "Hardware": "accel_sim.hardware.schema",
    "Result": "accel_sim.result",
    "VectorLayer": "accel_sim.workload",
    "Workload": "accel_sim.workload",
    "gemm": "accel_sim.workload",
    "load_hardware": "accel_sim.hardware.load",
    "simulate": "accel_sim.simulation",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
