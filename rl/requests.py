"""What a command line asks for, as objects: a machine with overrides, a model with its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accel_sim.errors import InputError
from rl.outputs import warn

if TYPE_CHECKING:
    from accel_sim.hardware.schema import Hardware
    from accel_sim.workload import Workload

__all__ = ["Request", "load_machine", "load_model", "parse_input_shape"]


DEFAULT_BITS = 8
"""Width of operands where neither the command line nor a policy says one."""


@dataclass(frozen=True)
class Request:
    """A model and how to read it; ``input_shape`` as ``C,H,W``.

    ``data``, ``images`` and ``seed`` say which images the layers' operands are taken from. A ``policy`` prunes and
    quantises the model first; it then says the widths (``a_bits`` and ``w_bits`` are ``None``).
    """

    model: str
    weights: Path | None = None
    a_bits: int | None = None
    w_bits: int | None = None
    batch: int = 1
    input_shape: str | None = None
    data: str | None = None
    images: int | None = None
    seed: int = 0
    policy: Path | None = None


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
    from accel_sim.simulation import operands_matter

    return engine == "reference" or any(operands_matter(machine) for machine in machines)


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
    shape = parse_input_shape(request.input_shape) if request.input_shape else None
    if request.policy is not None:
        return _compressed(request, request.policy, shape)
    from compress.load import DataRequest, load_workload

    data = None
    if request.data is not None:
        data = DataRequest(request.data, request.images, request.seed, needed=needs_operands)

    return load_workload(
        request.model,
        weights=request.weights,
        batch=request.batch,
        a_bits=DEFAULT_BITS if request.a_bits is None else request.a_bits,
        w_bits=DEFAULT_BITS if request.w_bits is None else request.w_bits,
        input_shape=shape,
        data=data,
    )


def _compressed(request: Request, policy: Path, shape: tuple[int, ...] | None) -> Workload:
    """The workload of the model after its policy."""
    if request.data is None:
        raise InputError(f"--policy {policy}: needs --data, images to take ranges and activations from")
    for option, bits in (("--a-bits", request.a_bits), ("--w-bits", request.w_bits)):
        if bits is not None:
            raise InputError(f"{option}: holds {bits}; the widths are those of --policy {policy}")
    from compress.policy_request import PolicyRequest, policy_workload

    wanted = PolicyRequest(
        model=request.model,
        policy=policy,
        data=request.data,
        weights=request.weights,
        images=request.images,
        input_shape=shape,
        seed=request.seed,
    )
    return policy_workload(wanted, request.batch, warn)
