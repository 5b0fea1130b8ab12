"""Rewrite ``docs/hwconfig.md``, the fields of a hwconfig, from the schema: ``python -m tests.docs.write_hwconfig``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accel_sim.hardware.diagnose import allowed_text, show
from accel_sim.hardware.schema import Hardware

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hwconfig.md"

HEAD = """# Fields of a hwconfig

Written from the schema by `python -m tests.docs.write_hwconfig`; do not edit. The machine that the fields describe is
defined in [microarchitecture.md](microarchitecture.md).

A hwconfig is a YAML file. `bitgrove hw show NAME` prints a complete one, `bitgrove hw check FILE` checks one, and
`bitgrove hw schema` prints the JSON Schema for editors (the built-in files begin with a line that points to it).
Units are part of the names. Unknown fields, wrong types and values out of range are refused with file, line and
column; text is never taken for a number or the other way round. Anchors, aliases and tags are not allowed.

`--set FIELD=VALUE` (in Python `load_hardware(name, overrides={"array.rows": 8})`) overrides a field. A part or table
that is named by a relative path is looked up beside the file. A field without default must be given.
"""


def page() -> str:
    """The text of the page."""
    root = Hardware.model_json_schema()
    tables = "\n".join(_table(root, path, section) for path, section in _sections(root, "", root))
    return f"{HEAD}\n{tables}"


def _sections(
    root: Mapping[str, Any], path: str, section: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The sections in the order of the file; the three buffers, which have the same fields, once."""
    yield path, section
    seen: set[str] = set()
    for name, field in section["properties"].items():
        reference = field.get("$ref", "")
        child = root["$defs"].get(reference.rsplit("/", 1)[-1], {})
        if "properties" in child and reference not in seen:
            seen.add(reference)
            shared = [other for other, f in section["properties"].items() if f.get("$ref") == reference]
            title = name if len(shared) == 1 else f"{{{', '.join(shared)}}}"
            yield from _sections(root, f"{path}.{title}".lstrip("."), child)


def _table(root: Mapping[str, Any], path: str, section: Mapping[str, Any]) -> str:
    title = f"`{path}`" if path else "Top level"
    about = "" if not path else f"\n{section['description']}\n"
    rows = [
        f"| `{name}` | {_allowed(root, field)} | {_default(field, name in section.get('required', ()))} "
        f"| {_meaning(root, field)} |"
        for name, field in section["properties"].items()
    ]
    header = "| field | allowed | default | meaning |\n|---|---|---|---|\n"
    return f"## {title}\n{about}\n{header}" + "\n".join(rows) + "\n"


def _allowed(root: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    return "a section, see below" if "$ref" in field else allowed_text(root, field)


def _default(field: Mapping[str, Any], required: bool) -> str:
    if required:
        return ""
    default = field.get("default", {})
    return "" if isinstance(default, dict) else f"`{_plain(default)}`"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


def _meaning(root: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    section = root["$defs"].get(field.get("$ref", "").rsplit("/", 1)[-1], {})
    text = field.get("description") or section.get("description", "")
    return " ".join(text.replace("``", "`").split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
