"""YAML 1.2 files as plain values that remember where they stand.

Only plain values are read: mappings, lists, text, numbers, ``true``/``false`` and ``null``. Tags, anchors and aliases
are refused, so a file can neither name Python objects nor grow beyond its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from accel_sim.errors import HardwareError, InputError

__all__ = ["HWCONFIG", "Document", "FieldPath", "FileKind", "Mark", "parse_document", "parse_value", "read_document"]

MAX_DEPTH = 16
_CORE_TAG = "tag:yaml.org,2002:"

FieldPath = tuple[str, ...]
"""Keys from the top of a document down to a field; an index of a list counts as a key."""


@dataclass(frozen=True)
class FileKind:
    """What a kind of file may hold, and the error that a wrong one raises.

    Attributes:
        max_bytes, max_values: size of the text; number of names and values.
        error: class of the errors.
    """

    max_bytes: int
    max_values: int
    error: type[InputError]


# A hwconfig has some 2 kB and 150 names and values; the pure-Python parser reads about 5 kB per 100 ms.
HWCONFIG = FileKind(max_bytes=65_536, max_values=2_000, error=HardwareError)


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The content of one file.

    Attributes:
        label: the file as messages name it.
        tree: its values.
        keys, values: where each field's key and value begin.
        repeated: keys that their mapping already has, with the place of the second one.
        overridden: fields that were set from outside the file.
        kind: what kind of file it is.

    """

    label: str
    tree: dict[str, Any]
    keys: Mapping[FieldPath, Mark] = field(default_factory=dict)
    values: Mapping[FieldPath, Mark] = field(default_factory=dict)
    repeated: Mapping[FieldPath, Mark] = field(default_factory=dict)
    overridden: frozenset[FieldPath] = frozenset()
    kind: FileKind = HWCONFIG


def read_document(path: Path, label: str | None = None, kind: FileKind = HWCONFIG) -> Document:
    """The document in ``path``.

    Raises:
        InputError: (of ``kind.error``) the file cannot be read, or see :func:`parse_document`.

    """
    label = label or str(path)
    try:
        size = path.stat().st_size
        if size > kind.max_bytes:
            raise kind.error(f"{label}: holds {size} bytes; allowed: up to {kind.max_bytes}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise kind.error(f"{label}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise kind.error(f"{label}: is not UTF-8 text") from None
    return parse_document(text, label, kind)


def parse_document(text: str, label: str, kind: FileKind = HWCONFIG) -> Document:
    """The mapping that ``text`` holds.

    Raises:
        InputError: (of ``kind.error``) not YAML, empty, not a mapping, with tags, anchors, too many levels or values.
    """
    reader = _Reader(text, label, kind)
    tree = reader.root()
    if () not in reader.values:
        raise kind.error(f"{label}:1:1: is empty; a mapping of fields is needed")
    if not isinstance(tree, dict):
        found = "list" if isinstance(tree, list) else "single value"
        mark = reader.values[()]
        raise kind.error(f"{label}:{mark.line}:{mark.column}: holds a {found}; a mapping of fields is needed")
    return Document(label, tree, reader.keys, reader.values, reader.repeated, kind=kind)


def parse_value(text: str, label: str) -> Any:
    """One value as it could stand in a file: ``32``, ``os``, ``null``, ``{kind: n_m, keep: 2, of: 4}``.

    Raises:
        HardwareError: as :func:`parse_document`, and keys that are stated twice.
    """
    reader = _Reader(text, label, HWCONFIG)
    value = reader.root()
    for path in reader.repeated:
        raise HardwareError(f"{label}: states {path[-1]!r} twice")
    return value


class _Reader:
    """Turns the parser's events into values and notes where they stand.

    Events are flat and come one by one, so an anchor, a tag or a level too deep is refused before anything is built.
    """

    def __init__(self, text: str, label: str, kind: FileKind) -> None:
        self.keys: dict[FieldPath, Mark] = {}
        self.values: dict[FieldPath, Mark] = {}
        self.repeated: dict[FieldPath, Mark] = {}
        self._label = label
        self._text = text
        self._kind = kind
        self._yaml = YAML(typ="safe", pure=True)
        self._count = 0

    def root(self) -> Any:
        """The only document's value; ``None`` without a mark in ``values`` where there is no document."""
        try:
            self._events = self._yaml.parse(self._text)
            value = self._documents()
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            text = _one_line(error.problem or error.context)
            raise self._kind.error(f"{self._label}{place}: is not YAML: {text}") from None
        except YAMLError as error:
            raise self._kind.error(f"{self._label}: is not YAML: {_one_line(error)}") from None
        return value

    def _documents(self) -> Any:
        value: Any = None
        for event in self._events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if () in self.values:
                raise self._error(event, "a second document begins; one is allowed")
            value = self._value(next(self._events), ())
        return value

    def _value(self, event: Any, path: FieldPath) -> Any:
        self._refuse_graphs(event, path)
        # A value that is left out has the place of what follows; its key says better where it is missing.
        left_out = isinstance(event, ScalarEvent) and event.style is None and not event.value
        self.values[path] = self.keys.get(path, _mark(event)) if left_out else _mark(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._list(path)
        return self._scalar(event)

    def _list(self, path: FieldPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._value(event, (*path, str(len(items)))))
        return items

    def _mapping(self, path: FieldPath) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._error(event, "a field's name is a mapping, list or alias; plain text is needed")
            key = str(event.value)
            here = (*path, key)
            self._refuse_graphs(event, here)
            if key in tree:
                self.repeated[here] = _mark(event)
                self._value(next(self._events), (*here, "repeated"))
                continue
            self.keys[here] = _mark(event)
            tree[key] = self._value(next(self._events), here)
        return tree

    def _scalar(self, event: ScalarEvent) -> Any:
        """The plain value of a scalar in YAML 1.2's core schema; dates and the like stay text."""
        tag = self._yaml.resolver.resolve(ScalarNode, event.value, event.implicit)
        node = ScalarNode(tag, event.value)
        try:
            match str(tag).removeprefix(_CORE_TAG):
                case "null":
                    return None
                case "bool":
                    return str(event.value).lower() == "true"
                case "int":
                    return self._yaml.constructor.construct_yaml_int(node)
                case "float":
                    return self._yaml.constructor.construct_yaml_float(node)
                case _:
                    return str(event.value)
        except ValueError:
            raise self._error(event, f"the number {str(event.value)[:20]}… cannot be read") from None

    def _refuse_graphs(self, event: Any, path: FieldPath) -> None:
        self._count += 1
        if isinstance(event, AliasEvent) or event.anchor is not None:
            raise self._error(event, "anchors and aliases (&, *) are not allowed; write the value out")
        if event.tag is not None:
            tag = str(event.tag).replace(_CORE_TAG, "!!")
            raise self._error(event, f"the tag {tag!r} is not allowed; values carry no tags")
        if len(path) > MAX_DEPTH:
            raise self._error(event, f"is nested deeper than {MAX_DEPTH} levels")
        if self._count > self._kind.max_values:
            raise self._error(event, f"holds more than {self._kind.max_values} names and values")

    def _error(self, event: Any, text: str) -> InputError:
        mark = _mark(event)
        return self._kind.error(f"{self._label}:{mark.line}:{mark.column}: {text}")


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())[:200]
