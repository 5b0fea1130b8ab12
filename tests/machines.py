"""Small machines for tests."""

from __future__ import annotations

from typing import Any

from accel_sim.hardware.schema import Hardware


def machine(**sections: Any) -> Hardware:
    """An 8×8 weight-stationary machine; keyword arguments replace or extend the fields of its sections."""
    tree: dict[str, Any] = {
        "name": "test",
        "array": {"rows": 8, "cols": 8},
        "buffers": {"activations": {"kib": 64.0}, "weights": {"kib": 32.0}, "outputs": {"kib": 16.0}},
    }
    for section, fields in sections.items():
        tree[section] = {**tree.get(section, {}), **fields} if isinstance(fields, dict) else fields
    return Hardware.model_validate(tree)


def buffers(activations: float, weights: float, outputs: float, **common: Any) -> dict[str, Any]:
    """The three SRAMs by their KiB, with common further fields."""
    return {
        "activations": {"kib": activations, **common},
        "weights": {"kib": weights, **common},
        "outputs": {"kib": outputs, **common},
    }
