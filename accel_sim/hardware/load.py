"""From a hwconfig to a :class:`~accel_sim.hardware.schema.Hardware`: read, override, fill in, check.

>>> load_hardware("dense_int8_8x8", overrides={"array.rows": 4}).array.rows
4
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accel_sim.energy.tables import load_energy_table, unknown_overrides
from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import Problem, fail, suggestion, validate
from accel_sim.hardware.document import Document, read_document
from accel_sim.hardware.overrides import override, parse_set_options
from accel_sim.hardware.presets import apply_preset
from accel_sim.hardware.rules import broken_rules
from accel_sim.hardware.schema import Hardware
from accel_sim.memory.parts import load_part

__all__ = [
    "BUILTIN_DIRECTORY",
    "list_builtins",
    "load_hardware",
    "parse_set_options",
    "read_hardware",
    "resolve_hardware",
]

BUILTIN_DIRECTORY = Path(__file__).resolve().parents[2] / "hwconfigs"
_SUFFIXES = (".yaml", ".yml", ".csv")


def load_hardware(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Hardware:
    """The machine that a built-in or a YAML file describes.

    Args:
        source: a built-in's name (:func:`list_builtins`), or the path of a YAML file. A DRAM part or energy table that
            the file names by a relative path is looked up beside the file.
        overrides: values by dotted path, e.g. ``{"array.rows": 32}``; they win over the file and over a preset.

    Raises:
        HardwareError: the file cannot be read, a field is unknown, missing or wrong, or fields do not fit
            together. One line per problem, all problems at once:
            ``file:line:column: field: what it holds, what is allowed``; of an override ``--set field: …``.
    """
    return resolve_hardware(read_hardware(source), overrides or {})


def read_hardware(source: str | Path) -> Document:
    """A hwconfig as it stands in the file, to be resolved with many overrides (:func:`resolve_hardware`).

    Raises:
        HardwareError: the file cannot be read.
    """
    return _with_paths_beside(_open(source), Path(source).parent)


def resolve_hardware(document: Document, overrides: Mapping[str, Any]) -> Hardware:
    """The machine of a hwconfig with fields overridden.

    Raises:
        HardwareError: as :func:`load_hardware`.
    """
    document = apply_preset(override(document, overrides))
    hardware = validate(Hardware, document)
    problems = [
        *broken_rules(hardware),
        *_part_problems(hardware),
        *_table_problems(hardware),
        *_estimator_problems(hardware),
    ]
    if problems:
        fail(document, problems)
    return hardware


def list_builtins() -> tuple[str, ...]:
    """Names of the machines that ship with Bitgrove, sorted."""
    return tuple(sorted(path.stem for path in BUILTIN_DIRECTORY.glob("*.yaml")))


def _open(source: str | Path) -> Document:
    if str(source) in list_builtins():
        return read_document(BUILTIN_DIRECTORY / f"{source}.yaml", label=f"{source}.yaml")
    path = Path(source)
    if path.exists():
        return read_document(path)
    builtins = list_builtins()
    hints = [suggestion(path.stem, builtins), f"built-ins: {', '.join(builtins)}"]
    raise HardwareError(f"{source}: no such file and no built-in machine; {' '.join(filter(None, hints))}")


def _with_paths_beside(document: Document, folder: Path) -> Document:
    """``document`` with the relative paths that it names made relative to the working directory."""
    tree = dict(document.tree)
    for section, field in (("dram", "part"), ("energy", "table")):
        fields = tree.get(section)
        if not isinstance(fields, dict):
            continue
        name = fields.get(field)
        if isinstance(name, str) and name.endswith(_SUFFIXES):
            tree[section] = {**fields, field: str(folder / name)}
    return dataclasses.replace(document, tree=tree)


def _part_problems(hardware: Hardware) -> list[Problem]:
    try:
        load_part(hardware.dram.part)
    except HardwareError as error:
        return [Problem(("dram", "part"), line) for line in str(error).splitlines()]
    return []


def _table_problems(hardware: Hardware) -> list[Problem]:
    try:
        table = load_energy_table(hardware.energy.table)
    except HardwareError as error:
        return [Problem(("energy", "table"), line) for line in str(error).splitlines()]
    unknown = unknown_overrides(table, hardware.energy.overrides)
    return [Problem(("energy", "overrides", name), text, at_key=True) for name, text in unknown.items()]


def _estimator_problems(hardware: Hardware) -> list[Problem]:
    name = hardware.energy.sram_estimator
    if name is None:
        return []
    from accel_sim.energy.sram_plugins import find_estimator  # NumPy, which a machine without one need not load

    try:
        find_estimator(name)
    except HardwareError as error:
        return [Problem(("energy", "sram_estimator"), str(error))]
    return []
