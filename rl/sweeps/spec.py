"""The specification of a sweep: a YAML file, checked with the place of every mistake."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import validate
from accel_sim.hardware.document import Document, FileKind, parse_document, read_document
from accel_sim.hardware.schema import Section

__all__ = ["MODEL_AXES", "ModelEntry", "Steps", "SweepSpec", "read_spec", "spec_of", "spec_text", "values_of"]

SPEC_FILE = FileKind(max_bytes=1 << 20, max_values=50_000, error=InputError)
MODEL_AXES = ("model", "hardware", "policy", "a_bits", "w_bits", "batch")
"""Axes that are no field of the hwconfig."""
MOST_STEPS = 100_000

_Values = Annotated[list[Any], WithJsonSchema({"type": "a list of values"})]
Bits = Annotated[int, Field(ge=1, le=16)]


class Steps(Section):
    """Values of an axis in regular steps; exactly one of the fields."""

    range: list[float] | None = None
    """``[start, stop, step]``; ``stop`` is a value, too, if a step reaches it."""
    log2: list[float] | None = None
    """``[start, stop]``: start, twice start, four times start, ... up to stop."""
    logspace: list[float] | None = None
    """``[start, stop, count]``: count values in equal ratios; rounded where start and stop are integers."""

    def values(self) -> list[int | float]:
        """The values in order.

        Raises:
            ValueError: not one of the fields, or one that gives no values or too many.

        >>> Steps(log2=[8, 64]).values()
        [8, 16, 32, 64]
        """
        given = {name: value for name, value in self if value is not None}
        if len(given) != 1:
            raise ValueError(f"names {' and '.join(given) or 'nothing'}; allowed: one of range, log2, logspace")
        ((kind, numbers),) = given.items()
        try:
            return _STEPS[kind](*numbers)
        except (TypeError, _WrongStepsError):
            raise ValueError(f"{kind} holds {numbers}; allowed: {_ALLOWED_STEPS[kind]}") from None


class ModelEntry(Section):
    """A model and how it is read, as the options of ``bitgrove simulate``."""

    model: Annotated[str, Field(min_length=1)]
    """MODEL of the command line."""
    weights: str | None = None
    """File of weights."""
    policy: str | None = None
    """Policy file; needs ``data``."""
    data: str | None = None
    """DATA of the command line."""
    images: Annotated[int, Field(ge=1)] | None = None
    """Images of ``data`` that ranges are taken from."""
    input_shape: str | None = None
    """``C,H,W`` where the model does not tell."""
    a_bits: Bits | None = None
    """Width of the activations; 8 if left out."""
    w_bits: Bits | None = None
    """Width of the weights; 8 if left out."""
    batch: Annotated[int, Field(ge=1)] = 1
    """Inputs per run."""

    def label(self) -> str:
        """The model with everything that is not as usual."""
        given = self.model_dump(exclude_defaults=True, exclude={"model"})
        return " ".join([self.model, *(f"{name}={value}" for name, value in given.items())])


class Sample(Section):
    """How points are drawn where the space is too large for all of them."""

    kind: Literal["sobol", "random"] = "sobol"
    """A Sobol sequence covers the space evenly; ``random`` draws uniformly."""
    n: Annotated[int, Field(ge=1, le=10_000_000)]
    """Points, those that break ``when`` not counted; the whole space if it has no more."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draw."""


class SweepSpec(Section):
    """A sweep."""

    title: str = ""
    """For tables and reports; the file's name if left out."""
    hardware: str | list[str] | None = None
    """A built-in machine or a file, or a list of them."""
    models: list[str | ModelEntry] | None = None
    """MODEL of the command line, or a mapping."""
    set: dict[str, Annotated[Any, WithJsonSchema({"type": "any value"})]] = Field(default_factory=dict)
    """Fields of every machine, by dotted path."""
    axes: dict[str, _Values | Steps] = Field(default_factory=dict)
    """What varies: a field of the machine by dotted path, or model, hardware, policy, a_bits, w_bits, batch."""
    zip: list[list[str]] = Field(default_factory=list)
    """Axes that vary together, value by value."""
    when: list[str] = Field(default_factory=list)
    """Conditions that a point must meet."""
    sample: Sample | None = None
    """Draw points instead of taking all."""
    engine: Literal["fast", "reference"] = "fast"
    """As for ``simulate``."""
    seed: Annotated[int, Field(ge=0)] = 0
    """For what a simulation draws at random."""
    details: bool = True
    """Keep the whole result of every point, layers included."""


def read_spec(path: Path) -> tuple[SweepSpec, Document]:
    """The specification in a file, with the document for messages about it.

    Raises:
        InputError: the file cannot be read or breaks the schema; one line per problem.
    """
    document = read_document(path, kind=SPEC_FILE)
    return validate(SweepSpec, document), document


def spec_of(fields: Mapping[str, Any]) -> tuple[SweepSpec, Document]:
    """The specification that a mapping says, as a file would, with the document for messages about it.

    Raises:
        InputError: it breaks the schema, or holds what no file could; one line per problem.
    """
    document = parse_document(spec_text(fields), "sweep", SPEC_FILE)
    return validate(SweepSpec, document), document


def spec_text(fields: Mapping[str, Any]) -> str:
    """A mapping as the text of a specification: JSON, which is YAML.

    Raises:
        InputError: a value that no file can hold.
    """
    try:
        return json.dumps(fields, default=_as_text, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"sweep: {error}; allowed: mappings, lists, text, numbers, booleans, null") from None


def _as_text(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # an array or a number of NumPy
        return value.tolist()
    if isinstance(value, range):
        return list(value)
    raise TypeError(f"holds a {type(value).__name__}")


def values_of(axis: list[Any] | Steps) -> list[Any]:
    """The values of an axis."""
    return axis.values() if isinstance(axis, Steps) else axis


class _WrongStepsError(Exception):
    """Numbers that give no values."""


def _range(start: float, stop: float, step: float) -> list[int | float]:
    if step == 0 or (stop - start) / step < 0 or (stop - start) / step > MOST_STEPS:
        raise _WrongStepsError
    return [_plain(start + i * step) for i in range(math.floor((stop - start) / step + 1e-9) + 1)]


def _powers(start: float, stop: float) -> list[int | float]:
    if not 0 < start <= stop:
        raise _WrongStepsError
    return [_plain(start * 2**i) for i in range(math.floor(math.log2(stop / start) + 1e-9) + 1)]


def _ratios(start: float, stop: float, count: float) -> list[int | float]:
    if not (0 < start < stop and count == int(count) and 2 <= count <= MOST_STEPS):
        raise _WrongStepsError
    exact = [start * (stop / start) ** (i / (count - 1)) for i in range(int(count))]
    if float(start).is_integer() and float(stop).is_integer():
        return sorted({round(value) for value in exact})
    return [_plain(value) for value in exact]


_STEPS: dict[str, Callable[..., list[int | float]]] = {"range": _range, "log2": _powers, "logspace": _ratios}
_ALLOWED_STEPS = {
    "range": f"[start, stop, step] with a step towards stop and at most {MOST_STEPS:,} values",
    "log2": "[start, stop] with 0 < start <= stop",
    "logspace": "[start, stop, count] with 0 < start < stop and a count from 2",
}


def _plain(value: float) -> int | float:
    """Without the noise of binary fractions; whole numbers as integers."""
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() else rounded
