"""What a specification varies: its machines, its models and its axes, checked before anything is expanded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.errors import HardwareError, InputError
from accel_sim.hardware.diagnose import Problem, fail, show, suggestion, validate
from accel_sim.hardware.document import Document
from accel_sim.hardware.load import list_builtins, load_hardware, read_hardware
from accel_sim.hardware.overrides import override
from accel_sim.hardware.presets import apply_preset
from accel_sim.hardware.schema import Hardware
from accel_sim.result import flatten
from rl.requests import DEFAULT_BITS
from rl.sweeps.axes import Axis
from rl.sweeps.expressions import Expression, parse_expression
from rl.sweeps.spec import MODEL_AXES, ModelEntry, SweepSpec, values_of
from rl.sweeps.store import canonical_json

__all__ = ["Bases", "check_bases"]


@dataclass(frozen=True)
class Bases:
    """Everything that points are made of.

    Attributes:
        hardware: hwconfigs by the label that points carry.
        machines: the same, resolved, for the values that conditions compare.
        models: models by their label.
        axes: in the order of the specification; ``hardware`` and ``model`` first where there are several.
        conditions: of ``when``.
        places: of each model in the specification.
    """

    hardware: Mapping[str, Document]
    machines: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, ModelEntry]
    axes: tuple[Axis, ...]
    conditions: tuple[Expression, ...]
    places: Mapping[str, tuple[str, ...]]

    def values(self, spec: SweepSpec, point: Mapping[str, Any]) -> dict[str, Any]:
        """All that a condition can name, for one point."""
        hardware = point.get("hardware", next(iter(self.hardware)))
        entry = self.models[point.get("model", next(iter(self.models)))]
        own = {
            "hardware": hardware,
            "model": entry.model,
            "policy": entry.policy,
            "a_bits": DEFAULT_BITS if entry.a_bits is None else entry.a_bits,
            "w_bits": DEFAULT_BITS if entry.w_bits is None else entry.w_bits,
            "batch": entry.batch,
        }
        return {**self.machines[hardware], **own, **flatten(spec.set), **flatten(point)}


def check_bases(spec: SweepSpec, document: Document, folder: Path) -> Bases:
    """Machines, models and axes of a specification; ``folder`` is where its relative paths begin.

    Raises:
        InputError: everything that is wrong for the sweep as a whole, one line per problem with its place.
    """
    problems: list[Problem] = []
    axes = _axes(spec, problems)
    hardware, machines = _machines(spec, axes, folder, problems)
    models, places = _models(spec, axes, problems)
    if hardware:
        _check_fields(spec, axes, next(iter(hardware.values())), problems)
    _check_zip(spec, axes, problems)
    known = {*MODEL_AXES, *spec.set, *(axis.name for axis in axes), *(name for m in machines.values() for name in m)}
    conditions = _conditions(spec, known if machines else None, problems)
    if problems:
        fail(document, problems)
    implicit = [
        Axis(name, tuple(values))
        for name, values in (("hardware", hardware), ("model", models))
        if name not in spec.axes and len(values) > 1
    ]
    return Bases(hardware, machines, models, (*implicit, *axes), tuple(conditions), places)


def _axes(spec: SweepSpec, problems: list[Problem]) -> list[Axis]:
    axes = []
    for name, given in spec.axes.items():
        path = ("axes", name)
        try:
            values = values_of(given)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
            continue
        if not values:
            problems.append(Problem(path, "holds no values; allowed: one or more"))
        seen: set[str] = set()
        for index, value in enumerate(values):
            text = canonical_json(value)
            if text in seen:
                problems.append(Problem((*path, str(index)), f"holds {show(value)} a second time"))
            seen.add(text)
        axes.append(Axis(name, tuple(values)))
    return axes


def _named(
    spec: SweepSpec, axes: Sequence[Axis], field: str, axis: str, given: Sequence[Any], problems: list[Problem]
) -> list[tuple[tuple[str, ...], Any]]:
    """What the field or the axis of the same meaning lists, with the place of each."""
    varied = next((one for one in axes if one.name == axis), None)
    if varied is not None and given:
        problems.append(Problem((field,), f"is given, and axes.{axis}, too; allowed: one of them"))
    if varied is None and not given and axis not in spec.axes:
        problems.append(Problem((field,), f"is missing; needed: here, or as axes.{axis}"))
    if varied is None:
        return [((field, str(index)) if isinstance(getattr(spec, field), list) else (field,), one)
                for index, one in enumerate(given)]  # fmt: skip
    return [(("axes", axis, str(index)), one) for index, one in enumerate(varied.values)]


def _machines(
    spec: SweepSpec, axes: Sequence[Axis], folder: Path, problems: list[Problem]
) -> tuple[dict[str, Document], dict[str, dict[str, Any]]]:
    given = [spec.hardware] if isinstance(spec.hardware, str) else spec.hardware or []
    documents: dict[str, Document] = {}
    machines: dict[str, dict[str, Any]] = {}
    for path, label in _named(spec, axes, "hardware", "hardware", given, problems):
        if not isinstance(label, str):
            problems.append(Problem(path, f"holds {show(label)}; allowed: a machine's name or file"))
            continue
        if label in documents and "hardware" not in spec.axes:
            problems.append(Problem(path, f"holds {show(label)} a second time"))
        is_file = label not in list_builtins() and (folder / label).is_file()
        source = str(folder / label) if is_file else label
        try:
            documents[label] = read_hardware(source)
            machines[label] = flatten(load_hardware(source).resolved())
        except HardwareError as error:
            problems += [Problem(path, line) for line in str(error).splitlines()]
    return documents, machines


def _models(
    spec: SweepSpec, axes: Sequence[Axis], problems: list[Problem]
) -> tuple[dict[str, ModelEntry], dict[str, tuple[str, ...]]]:
    entries: dict[str, ModelEntry] = {}
    places: dict[str, tuple[str, ...]] = {}
    for path, given in _named(spec, axes, "models", "model", spec.models or [], problems):
        if not isinstance(given, str | ModelEntry) or given == "":
            problems.append(Problem(path, f"holds {show(given)}; allowed: a model, e.g. torchvision:resnet50"))
            continue
        entry = ModelEntry(model=given) if isinstance(given, str) else given
        if entry.label() in entries and "model" not in spec.axes:
            problems.append(Problem(path, f"holds {show(entry.label())} a second time"))
        entries[entry.label()], places[entry.label()] = entry, path
    return entries, places


def _bits(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 16


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_MODEL_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "a_bits": (_bits, "an integer from 1 to 16"),
    "w_bits": (_bits, "an integer from 1 to 16"),
    "batch": (_count, "an integer of at least 1"),
    "policy": (lambda value: value is None or isinstance(value, str), "a file or null"),
}


def _check_fields(spec: SweepSpec, axes: Sequence[Axis], base: Document, problems: list[Problem]) -> None:
    """Refuse fields that a hwconfig does not have, and values that they cannot take."""
    for name, value in spec.set.items():
        problems += _wrong_value(base, name, value, ("set", name), at_key=("set", name))
    for axis in axes:
        is_list = isinstance(spec.axes[axis.name], list)
        for index, value in enumerate(axis.values):
            place = ("axes", axis.name, str(index)) if is_list else ("axes", axis.name)
            if axis.name in _MODEL_VALUES:
                allows, allowed = _MODEL_VALUES[axis.name]
                if not allows(value):
                    problems.append(Problem(place, f"holds {show(value)}; allowed: {allowed}"))
            elif axis.name not in MODEL_AXES:
                found = _wrong_value(base, axis.name, value, place, at_key=("axes", axis.name))
                problems += found
                if any(one.at_key for one in found):
                    break  # the field itself is unknown
        if axis.name in spec.set:
            problems.append(Problem(("axes", axis.name), "is fixed by set, too; allowed: one of them", at_key=True))


def _wrong_value(
    base: Document, field: str, value: Any, place: tuple[str, ...], at_key: tuple[str, ...]
) -> Iterator[Problem]:
    """What the schema has against one field's value; rules between fields are a matter of whole points."""
    try:
        validate(Hardware, apply_preset(override(base, {field: value})))
    except HardwareError as error:
        for line in str(error).splitlines():
            name, _, text = line.removeprefix("--set ").partition(": ")
            if text.startswith("unknown field"):
                names = "" if at_key[0] == "set" else f"; or one of {', '.join(MODEL_AXES)}"
                guess = "" if "did you mean" in text else names
                yield Problem(at_key, f"{text}{guess}", at_key=True)
            else:
                yield Problem(place, text if name == field else f"{name}: {text}")


def _check_zip(spec: SweepSpec, axes: Sequence[Axis], problems: list[Problem]) -> None:
    lengths = {axis.name: len(axis.values) for axis in axes}
    used: set[str] = set()
    for index, names in enumerate(spec.zip):
        place = ("zip", str(index))
        if len(names) < 2:
            problems.append(Problem(place, f"holds {len(names)} names; allowed: two or more axes"))
        for name in names:
            if name not in spec.axes:
                guess = suggestion(name, lengths) or f"axes: {', '.join(spec.axes)}"
                problems.append(Problem(place, f"names {show(name)}, which is no axis; {guess}"))
            elif name in used:
                problems.append(Problem(place, f"names {show(name)}, which is zipped already"))
            used.add(name)
        found = {name: lengths[name] for name in names if name in lengths}
        if len(set(found.values())) > 1:
            shown = ", ".join(f"{name} {length}" for name, length in found.items())
            problems.append(Problem(place, f"axes of different lengths: {shown}"))


def _conditions(spec: SweepSpec, known: set[str] | None, problems: list[Problem]) -> list[Expression]:
    """The parsed conditions; ``known`` names are not checked where no machine could be read."""
    expressions = []
    for index, text in enumerate(spec.when):
        place = ("when", str(index))
        try:
            expression = parse_expression(text)
        except InputError as error:
            problems.append(Problem(place, str(error)))
            continue
        for name in expression.unknown(known) if known is not None else ():
            guess = suggestion(name, known or ()) or "allowed: axes, fields of the hwconfig and " + ", ".join(
                MODEL_AXES
            )
            problems.append(Problem(place, f"unknown name '{name}'; {guess}"))
        expressions.append(expression)
    return expressions
