"""What the schema describes and the simulator does not do yet: refused, never ignored.

:data:`SUPPORTED` lists the values that work for each field that is not finished. When a field works, its line goes.
"""

from __future__ import annotations

from typing import Any

from accel_sim.hardware.diagnose import Problem, show
from accel_sim.hardware.document import FieldPath
from accel_sim.hardware.schema import Hardware, NmSparsity

__all__ = ["SUPPORTED", "unsupported_values"]

SUPPORTED: dict[str, tuple[Any, ...]] = {
    "buffers.activations.format": ("dense",),
    "buffers.weights.format": ("dense",),
    "buffers.outputs.format": ("dense",),
}


def unsupported_values(hardware: Hardware) -> list[Problem]:
    """The fields of ``hardware`` that hold something outside :data:`SUPPORTED`."""
    return [
        Problem(path, f"{show(_name(value))} is not supported yet; supported: {', '.join(map(_spelt, supported))}")
        for path, supported in ((tuple(dotted.split(".")), values) for dotted, values in SUPPORTED.items())
        if (value := _value(hardware, path)) not in supported
    ]


def _value(hardware: Hardware, path: FieldPath) -> Any:
    value: Any = hardware
    for name in path:
        value = getattr(value, name)
    return value


def _name(value: Any) -> Any:
    return value.kind if isinstance(value, NmSparsity) else value


def _spelt(value: Any) -> str:
    return value if isinstance(value, str) else show(value)
