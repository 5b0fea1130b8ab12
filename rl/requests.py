"""What a command line asks for, as objects: a machine with overrides, a model with its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accel_sim.errors import InputError

if TYPE_CHECKING:
    from accel_sim.hardware.schema import Hardware
    from accel_sim.workload import Workload

__all__ = ["Request", "load_machine", "load_model", "parse_input_shape"]


@dataclass(frozen=True)
class Request:
    """A model and how to read it; ``input_shape`` as ``C,H,W``."""

    model: str
    weights: Path | None = None
    a_bits: int = 8
    w_bits: int = 8
    batch: int = 1
    input_shape: str | None = None


def load_machine(source: str, assignments: Sequence[str]) -> Hardware:
    """Load the machine ``source`` with ``FIELD=VALUE`` assignments applied.

    Raises:
        InputError: an assignment without ``=``; an unknown machine or field; a wrong value.

    """
    from accel_sim import load_hardware
    from accel_sim.hardware.overrides import parse_set_options

    return load_hardware(source, overrides=parse_set_options(assignments))


def parse_input_shape(text: str) -> tuple[int, ...]:
    """Read ``C,H,W`` (or any list of sizes).

    Raises:
        InputError: not a list of integers of at least 1.

    """
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise InputError(f"--input-shape: holds {text!r}; allowed: sizes of at least 1, e.g. 3,224,224")
    return sizes


def load_model(request: Request) -> Workload:
    """Read the model that ``request`` names.

    Raises:
        InputError: the model, its weights or an option is wrong.

    """
    from compress.load import load_workload

    shape = parse_input_shape(request.input_shape) if request.input_shape else None
    return load_workload(
        request.model,
        weights=request.weights,
        batch=request.batch,
        a_bits=request.a_bits,
        w_bits=request.w_bits,
        input_shape=shape,
    )
