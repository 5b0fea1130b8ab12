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
    """A model and how to read it; ``input_shape`` as ``C,H,W``.

    ``data``, ``images`` and ``seed`` say which images the layers' operands are taken from.
    """

    model: str
    weights: Path | None = None
    a_bits: int = 8
    w_bits: int = 8
    batch: int = 1
    input_shape: str | None = None
    data: str | None = None
    images: int | None = None
    seed: int = 0


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


def operands_decide(machines: Sequence[Hardware], engine: str = "fast") -> bool:
    """Whether the values of the operands, not just their widths, make a difference to any of the machines."""
    from accel_sim.array.beats import counts_depend_on_data

    return engine == "reference" or any(counts_depend_on_data(machine.array) for machine in machines)


def load_model(request: Request, *, needs_operands: bool) -> Workload:
    """Read the model that ``request`` names.

    Args:
        needs_operands: whether to run the model on ``request.data`` for the layers' integers; else the data is checked
            only.

    Raises:
        InputError: the model, its weights, its data or an option is wrong.

    """
    if request.data is None and request.images is not None:
        raise InputError(f"--images: holds {request.images}; allowed: together with --data only")
    from compress.load import DataRequest, load_workload

    data = None
    if request.data is not None:
        data = DataRequest(request.data, request.images, request.seed, needed=needs_operands)

    shape = parse_input_shape(request.input_shape) if request.input_shape else None
    return load_workload(
        request.model,
        weights=request.weights,
        batch=request.batch,
        a_bits=request.a_bits,
        w_bits=request.w_bits,
        input_shape=shape,
        data=data,
    )
