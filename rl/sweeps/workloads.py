"""Models of a sweep: read once per process, and known by what is in them."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rl.requests import Request, load_model
from rl.sweeps.store import canonical_json

if TYPE_CHECKING:
    from accel_sim.workload import Workload

__all__ = ["read_workload", "workload_hash"]


@lru_cache(maxsize=4)
def read_workload(request: Request, needs_operands: bool) -> tuple[Workload, str]:
    """The workload that a request names, and its :func:`workload_hash`.

    Raises:
        InputError: it cannot be read.
    """
    workload = load_model(request, needs_operands=needs_operands)
    return workload, workload_hash(workload)


def workload_hash(workload: Workload) -> str:
    """Changes with every layer, its operands included, and with what a result tells of the workload."""
    content = [workload.name, dict(workload.metadata), [_layer(layer) for layer in workload.layers]]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _layer(layer: Any) -> list[Any]:
    return [type(layer).__name__, *([field.name, _plain(getattr(layer, field.name))] for field in fields(layer))]


def _plain(value: Any) -> Any:
    if hasattr(value, "tobytes"):  # an array of operands
        return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    if hasattr(value, "__dataclass_fields__"):
        return _layer(value)
    return value
