"""Fields set from outside a file: ``array.rows=32`` on the command line, a mapping in Python."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from accel_sim.errors import HardwareError
from accel_sim.hardware.document import Document, FieldPath, parse_value

__all__ = ["override", "parse_set_options"]


def parse_set_options(options: Sequence[str]) -> dict[str, Any]:
    """``field=value`` texts as overrides; a value is written as in a file.

    Raises:
        HardwareError: no ``=``, a field given twice, or a value that is not YAML; one line each.

    >>> parse_set_options(["array.rows=32", "array.weight_sparsity={kind: n_m, keep: 2, of: 4}"])
    {'array.rows': 32, 'array.weight_sparsity': {'kind': 'n_m', 'keep': 2, 'of': 4}}

    """
    overrides: dict[str, Any] = {}
    problems: list[str] = []
    for option in options:
        path, equals, text = option.partition("=")
        path = path.strip()
        if not equals:
            problems.append(f"--set {path}: has no value; write --set FIELD=VALUE, e.g. array.rows=32")
        elif path in overrides:
            problems.append(f"--set {path}: is given twice")
        else:
            try:
                overrides[path] = parse_value(text, f"--set {path}")
            except HardwareError as error:
                problems.append(str(error))
    if problems:
        raise HardwareError("\n".join(problems))
    return overrides


def override(document: Document, overrides: Mapping[str, Any]) -> Document:
    """``document`` with fields replaced; a mapping replaces only the fields that it names.

    Args:
        overrides: values by dotted path, or nested: ``{"array.rows": 8}``, ``{"array": {"rows": 8}}``.

    Raises:
        HardwareError: a path that is not text or has an empty part. Unknown fields and wrong values are found when
            the document is validated.

    """
    tree = copy.deepcopy(document.tree)
    given: set[FieldPath] = set()
    for dotted, value in overrides.items():
        path = tuple(str(dotted).split("."))
        if not isinstance(dotted, str) or not all(path):
            raise HardwareError(f"--set {dotted}: is not a field; write e.g. array.rows")
        for leaf, leaf_value in _leaves(path, value):
            given.add(_assign(tree, leaf, leaf_value))
    return dataclasses.replace(document, tree=tree, overridden=frozenset(given))


def _leaves(path: FieldPath, value: Any) -> list[tuple[FieldPath, Any]]:
    if isinstance(value, Mapping) and value:
        return [leaf for key, child in value.items() for leaf in _leaves((*path, *str(key).split(".")), child)]
    return [(path, _plain(value))]


def _plain(value: Any) -> Any:
    """A NumPy scalar as the Python number that it holds; any other value as it is."""
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 else value


def _assign(tree: dict[str, Any], path: FieldPath, value: Any) -> FieldPath:
    """Set one field; returns the highest field that this created or replaced."""
    *sections, name = path
    changed: FieldPath = path
    for depth, section in enumerate(sections, start=1):
        if not isinstance(tree.get(section), dict):
            tree[section] = {}
            changed = min(changed, path[:depth], key=len)
        tree = tree[section]
    tree[name] = value
    return changed
