"""Presets: values for the fields that neither the file nor an override states."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

from accel_sim.hardware.document import Document, FieldPath

__all__ = ["PRESETS", "apply_preset"]

PRESETS: dict[str, dict[FieldPath, Any]] = {
    # SCALE-Sim v3, bandwidth mode CALC: folds one after another, os results appear in place, ports, capacity and
    # DRAM cost nothing.
    "scalesim": {
        ("array", "os_drain"): False,
        ("array", "fold_overlap"): "none",
        ("array", "edge_folds"): "full",
        ("buffers", "unlimited_ports"): True,
        ("buffers", "unlimited_capacity"): True,
        ("dram", "part"): "ideal",
    },
}


def apply_preset(document: Document) -> Document:
    """``document`` with its preset's values filled in; as it is where it names none, or one that does not exist."""
    name = document.tree.get("preset")
    values = PRESETS.get(name, {}) if isinstance(name, str) else {}
    tree = copy.deepcopy(document.tree)
    for (section, field), value in values.items():
        fields = tree.setdefault(section, {})
        if isinstance(fields, dict):
            fields.setdefault(field, value)
    return dataclasses.replace(document, tree=tree)
