"""Resolved machines of many points: what they share, and where each differs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accel_sim.result import flatten

__all__ = ["MachineFields", "machine_fields", "text_of"]


@dataclass(frozen=True)
class MachineFields:
    """Fields of the resolved hwconfigs.

    Attributes:
        common: fields that are equal in all machines, and their value.
        varying: names of the others.
        rows: values of ``varying`` for each machine; ``None`` where a machine has no such field.

    """

    common: Mapping[str, str]
    varying: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def machine_fields(machines: Sequence[Mapping[str, Any]]) -> MachineFields:
    """Tell what is common from what varies, over flattened fields in their order."""
    flat = [flatten(machine) for machine in machines]
    names = list(dict.fromkeys(name for fields in flat for name in fields))
    first = flat[0] if flat else {}
    same = [name for name in names if all(name in fields and fields[name] == first.get(name) for fields in flat)]
    varying = tuple(name for name in names if name not in set(same))
    return MachineFields(
        common={name: text_of(first[name]) for name in same},
        varying=varying,
        rows=tuple(tuple(fields.get(name) for name in varying) for fields in flat),
    )


def text_of(value: Any) -> str:
    """A value as YAML has it: ``null`` for none, text without quotes."""
    return value if isinstance(value, str) else json.dumps(value)
