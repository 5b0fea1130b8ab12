"""Reads the YAML tables of this package into strict classes; every problem becomes one line with its place."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from accel_sim.errors import HardwareError

__all__ = ["TABLES_DIR", "Strict", "read_document", "suggestion"]

TABLES_DIR = Path(__file__).resolve().parents[2] / "hwconfigs" / "tables"
MAX_BYTES = 200_000
_Document = TypeVar("_Document", bound=BaseModel)
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 1  # aliases can make a value of any size


class Strict(BaseModel):
    """Base of all table sections: unknown keys are errors, values are never converted, objects never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a misspelt name, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def read_document(path: Path, kind: type[_Document]) -> _Document:
    """One YAML 1.2 file as ``kind``.

    Raises:
        HardwareError: the file is missing, empty, too large, not YAML, or breaks the schema; one line per problem,
            ``file:line: field: what it holds, what is allowed``.

    """
    text = _read_text(path)
    # The round-trip classes would keep comments at ten times the cost; the safe loader builds plain values only.
    loader = YAML(typ="safe", pure=True)
    try:
        tree = loader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise HardwareError(f"{path}:{line}: not YAML: {' '.join(str(error.problem).split())}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise HardwareError(f"{path}:1: not YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(tree, dict):
        raise HardwareError(f"{path}:1: holds {_SHORT.repr(tree)}, must be a mapping with the table's fields")
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        root = YAML(typ="safe", pure=True).compose(text)
        known = _field_names(kind)
        lines = [_problem_line(path, root, problem, known) for problem in error.errors(include_url=False)]
        raise HardwareError("\n".join(lines)) from None


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise HardwareError(f"{path}: {path.stat().st_size} bytes, a table has {MAX_BYTES} at most")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise HardwareError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise HardwareError(f"{path}:1: not UTF-8 text") from None


def _field_names(kind: type[BaseModel]) -> set[str]:
    schema = kind.model_json_schema()
    return {name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", ())}


def _problem_line(path: Path, root: Node | None, problem: Any, known: set[str]) -> str:
    location = problem["loc"]
    field = ".".join(map(str, location)) or "table"
    if problem["type"] == "extra_forbidden":
        return f"{path}:{_line_of(root, location)}: {field}: unknown field{suggestion(str(location[-1]), known)}"
    message = problem["msg"].removeprefix("Value error, ")
    held = "" if problem["type"] in ("missing", "value_error") else f"holds {_SHORT.repr(problem['input'])}, "
    return f"{path}:{_line_of(root, location)}: {field}: {held}{message[:1].lower()}{message[1:]}"


def _line_of(node: Node | None, location: tuple[Any, ...]) -> int:
    """Line (from 1) of the deepest part of ``location`` that the document has."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in location:
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
