"""Checks documents against the schema's classes; every problem is one line that says what is allowed.

What is allowed is read off the JSON Schema that pydantic derives from the classes, so a range or a name is written
down once, in the class.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from accel_sim.hardware.document import Document, FieldPath, Mark

__all__ = ["Problem", "allowed_text", "fail", "show", "suggestion", "validate"]

_Model = TypeVar("_Model", bound=BaseModel)
Schema = Mapping[str, Any]
_SHOWN_LENGTH = 40


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field. ``at_key``: the place is the field's name, not its value."""

    path: FieldPath
    text: str
    at_key: bool = False


def validate(model: type[_Model], document: Document) -> _Model:
    """The document as a ``model``.

    Raises:
        InputError: (of ``document.kind.error``) all problems of the document, one line each, in the order of the file.

    """
    problems = [Problem(path, "is stated twice") for path in document.repeated]
    result: _Model | None = None
    try:
        result = model.model_validate(document.tree)
    except ValidationError as error:
        problems += _schema_problems(error, model)
    if problems or result is None:
        fail(document, problems)
    return result


def fail(document: Document, problems: Iterable[Problem]) -> NoReturn:
    """Raise all ``problems`` at once, one line each, in the order of the file and then of the overrides."""
    located = sorted({_locate(document, problem) for problem in problems})
    raise document.kind.error("\n".join(line for _, line in located))


def suggestion(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for a misspelt name, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def show(value: object) -> str:
    """A value as the file spells it, short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"


def _locate(document: Document, problem: Problem) -> tuple[tuple[bool, Mark], str]:
    field = ".".join(problem.path)
    if _is_override(document, problem.path):
        return (True, Mark(0, 0)), f"--set {field}: {problem.text}"
    mark = document.repeated.get(problem.path) or _nearest_mark(document, problem)
    subject = f"{field}: " if field else ""
    return (False, mark), f"{document.label}:{mark.line}:{mark.column}: {subject}{problem.text}"


def _is_override(document: Document, path: FieldPath) -> bool:
    return any(path[: len(given)] == given for given in document.overridden)


def _nearest_mark(document: Document, problem: Problem) -> Mark:
    """Where the field stands, else the section around it that the file has."""
    marks = document.keys if problem.at_key else document.values
    if problem.path in marks:
        return marks[problem.path]
    sections = (problem.path[:length] for length in range(len(problem.path) - 1, 0, -1))
    return next((document.keys[path] for path in sections if path in document.keys), Mark(1, 1))


def _schema_problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    root = model.model_json_schema()
    found: dict[FieldPath, Problem] = {}
    for detail in error.errors(include_url=False, include_context=False):
        steps = tuple(str(step) for step in detail["loc"])
        path, schema, applies = _follow(root, steps, detail["type"], detail["input"])
        if applies:
            found.setdefault(path, _problem(root, path, schema, detail["type"], detail["input"], detail["msg"]))
    return list(found.values())


def _problem(root: Schema, path: FieldPath, schema: Schema, kind: str, value: Any, message: str) -> Problem:
    if kind == "extra_forbidden":
        return Problem(path, _unknown_field(root, path, schema), at_key=True)
    if kind == "missing":
        return Problem(path, f"is missing; needed: {allowed_text(root, schema)}", at_key=True)
    if kind == "value_error":
        return Problem(path, message.removeprefix("Value error, "))
    return Problem(path, f"holds {show(value)}; allowed: {allowed_text(root, schema)}")


def _follow(root: Schema, steps: tuple[str, ...], kind: str, value: Any) -> tuple[FieldPath, Schema, bool]:
    """The field that pydantic's location names, its schema (of an unknown field: its section's), and whether the
    problem lies in the branch of a union that the value is meant for.
    """
    schema: Schema = root
    path: list[str] = []
    for i, step in enumerate(steps):
        schema = _dereferenced(root, schema)
        branches = schema.get("anyOf", ())
        if len([branch for branch in branches if branch.get("type") != "null"]) > 1:
            # Pydantic names the branch here; the file does not have that level.
            chosen = next((b for b in branches if _reference_name(b) == step), None)
            if chosen is None or i + 1 == len(steps):
                return tuple(path), schema, chosen is None and not isinstance(value, dict)
            schema = chosen
            continue
        path.append(step)
        if kind == "extra_forbidden" and i + 1 == len(steps):
            return tuple(path), _section(root, schema), True
        schema = _child(root, schema, step)
    return tuple(path), schema, True


def _child(root: Schema, schema: Schema, step: str) -> Schema:
    section = _section(root, schema)
    for part in (section.get("properties", {}).get(step), section.get("additionalProperties"), section.get("items")):
        if isinstance(part, Mapping):
            return part
    return {}


def _section(root: Schema, schema: Schema) -> Schema:
    """What ``schema`` says where it is not null."""
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    return _dereferenced(root, branches[0] if len(branches) == 1 else schema)


def _dereferenced(root: Schema, schema: Schema) -> Schema:
    name = _reference_name(schema)
    return schema if name is None else root["$defs"][name]


def _reference_name(schema: Schema) -> str | None:
    reference = schema.get("$ref")
    return None if reference is None else str(reference).rsplit("/", 1)[-1]


def _unknown_field(root: Schema, path: FieldPath, section: Schema) -> str:
    names = list(section.get("properties", {}))
    guess = suggestion(path[-1], names)
    if not guess:
        elsewhere = [other for other in _field_paths(root, root) if other[-1] == path[-1]]
        guess = f"did you mean '{'.'.join(elsewhere[0])}'?" if elsewhere else ""
    return f"unknown field; {guess or 'allowed: ' + ', '.join(names)}"


def _field_paths(root: Schema, schema: Schema) -> list[FieldPath]:
    section = _section(root, schema)
    paths: list[FieldPath] = []
    for name, child in section.get("properties", {}).items():
        paths += [(name,), *((name, *rest) for rest in _field_paths(root, child))]
    return paths


def allowed_text(root: Schema, schema: Schema) -> str:
    """What ``schema`` allows, in words."""
    schema = _dereferenced(root, schema)
    if "anyOf" in schema:
        return " or ".join(allowed_text(root, branch) for branch in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    match schema.get("type"):
        case "integer":
            return f"an integer{_range(schema)}"
        case "number":
            return f"a number{_range(schema)}"
        case "boolean":
            return "true or false"
        case "string":
            return f"text such as {schema['examples'][0]}" if "examples" in schema else f"text{_text_length(schema)}"
        case "array":
            return f"a list, each {allowed_text(root, schema.get('items', {}))}"
        case "object" if "properties" in schema:
            return f"a mapping with {', '.join(schema['properties'])}"
        case "object":
            return f"a mapping of names to {allowed_text(root, schema['additionalProperties'])} each"
        case kind:
            return str(kind)


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above = schema.get("exclusiveMinimum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:.10g}"
    lower = "" if above is None else f" above {above:g}"
    lower = lower if low is None else f" of at least {low:g}"
    below = schema.get("exclusiveMaximum")
    upper = "" if below is None else f"below {below:.10g}"
    upper = upper if high is None else f"up to {high:.10g}"
    return f"{lower}{' and' if lower and upper else ''}{' ' if upper else ''}{upper}"


def _text_length(schema: Schema) -> str:
    if "maxLength" in schema:
        return f" of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return f" of at least {schema['minLength']} characters" if "minLength" in schema else ""
