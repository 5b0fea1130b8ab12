"""The table of logic constants: energies, areas and leakages per action, each with its origin.

A user's own table is a YAML file of the same form (``energy.table: my_table.yaml``); single constants are replaced
with ``energy.overrides``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from accel_sim.energy import TABLES_DIR
from accel_sim.energy.csv_table import read_csv_table
from accel_sim.energy.scaling import area_factor, energy_factor, leakage_voltage_factor
from accel_sim.errors import HardwareError
from accel_sim.hardware.diagnose import Problem, fail, suggestion, validate
from accel_sim.hardware.document import Document, read_document
from accel_sim.hardware.schema import Section

__all__ = [
    "CONSTANT_NAMES",
    "AppliedConstant",
    "Constant",
    "EnergyTable",
    "apply_technology",
    "load_energy_table",
    "unknown_overrides",
    "values_of",
    "with_overrides",
]

CONSTANT_NAMES = (
    "multiply_8x8_pj",
    "multiply_32x32_pj",
    *(f"multiply_8x{bits}_ratio" for bits in range(1, 8)),
    "multiply_idle_ratio",
    "add_8_pj",
    "add_16_pj",
    "add_32_pj",
    "register_pj_per_bit",
    "fifo_pj_per_bit",
    "metadata_decode_pj",
    "mux_pj_per_bit",
    "encode_pj_per_bit",
    "detect_pj_per_bit",
    "fusion_unit_4_pj",
    "fusion_unit_16_pj",
    "fusion_unit_64_pj",
    "multiply_8x8_um2",
    "multiply_32x32_um2",
    "add_8_um2",
    "add_16_um2",
    "add_32_um2",
    "register_um2_per_bit",
    "mux_um2_per_bit",
    "encode_um2_per_bit",
    "detect_um2_per_bit",
    "fusion_unit_4_um2",
    "fusion_unit_16_um2",
    "fusion_unit_64_um2",
    "pe_leakage_2_uw",
    "pe_leakage_4_uw",
    "pe_leakage_8_uw",
    "pe_leakage_16_uw",
    "fusion_unit_4_leakage_uw",
    "fusion_unit_16_leakage_uw",
    "fusion_unit_64_leakage_uw",
    "sram_energy_ratio",
)
DEFAULT = "default_45nm"
"""The table that a CSV file with some constants completes."""
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Constant(Section):
    """One constant and its origin; the unit is the end of its name (``_pj``, ``_pj_per_bit``, ``_um2``, ...)."""

    value: NonNegative
    """The value that is used, at ``node_nm`` and ``voltage_v``."""
    low: NonNegative | None = None
    """Lowest value that sources support; ``null`` = no disagreement known."""
    high: NonNegative | None = None
    """Highest value that sources support."""
    node_nm: Annotated[int, Field(ge=5, le=250)] | None = None
    """Process node of the value; ``null`` for a ratio."""
    voltage_v: Annotated[float, Field(ge=0.4, le=3.3)] | None = None
    """Supply voltage of the value; ``null`` for a ratio."""
    obtained: Literal["measured", "synthesised", "cacti", "datasheet", "derived", "assumed", "recalled"]
    """How the value came about; ``recalled`` = published, quoted from memory or from a page that cites it."""
    source: Annotated[str, Field(min_length=1)]
    """Publication or tool, and what low and high stand for."""

    @model_validator(mode="after")
    def _range_holds_value(self) -> Constant:
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if not low <= self.value <= high:
            raise ValueError(f"value holds {self.value:g}; allowed: from low = {low:g} to high = {high:g}")
        return self


class EnergyTable(Section):
    """A complete set of logic constants."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the table."""
    constants: dict[str, Constant]
    """The constants by name; exactly the names that the energy model uses."""


@dataclass(frozen=True)
class AppliedConstant:
    """A constant as one machine uses it: ``value = table value × factor`` of node and voltage scaling."""

    name: str
    value: float
    factor: float
    constant: Constant


def load_energy_table(name_or_path: str) -> EnergyTable:
    """Load a shipped table by its name, or any table by the path of its YAML or CSV file.

    Raises:
        HardwareError: no such table, or a file that breaks the schema.

    """
    known = [file.stem for file in sorted(TABLES_DIR.glob("*.yaml")) if file.stem != "scaling"]
    if name_or_path in known:
        return _shipped_table(name_or_path)
    path = Path(name_or_path)
    if path.is_file():
        return (
            read_csv_table(path, _shipped_table(DEFAULT)) if path.suffix == ".csv" else _read_table(read_document(path))
        )
    guess = suggestion(path.stem, known)
    raise HardwareError(
        f"'{name_or_path}' is no energy table and no file; {guess + ' ' if guess else ''}tables: {', '.join(known)}"
    )


@lru_cache
def _shipped_table(name: str) -> EnergyTable:
    return _read_table(read_document(TABLES_DIR / f"{name}.yaml", label=f"tables/{name}.yaml"))


def _read_table(document: Document) -> EnergyTable:
    table = validate(EnergyTable, document)
    problems = [
        *(_unknown(("constants", name)) for name in table.constants if name not in CONSTANT_NAMES),
        *(
            Problem(("constants", name), "is missing; every constant is needed", at_key=True)
            for name in CONSTANT_NAMES
            if name not in table.constants
        ),
        *(
            Problem(("constants", name), "needs node_nm and voltage_v", at_key=True)
            for name, constant in table.constants.items()
            if not name.endswith("_ratio") and (constant.node_nm is None or constant.voltage_v is None)
        ),
    ]
    if problems:
        fail(document, problems)
    return table


def _unknown(path: tuple[str, ...]) -> Problem:
    return Problem(path, f"unknown constant; {suggestion(path[-1], CONSTANT_NAMES)}".rstrip("; "), at_key=True)


def unknown_overrides(table: EnergyTable, overrides: Iterable[str]) -> dict[str, str]:
    """What is wrong with each name that is no constant of the table."""
    return {
        name: f"unknown constant; {suggestion(name, table.constants) or 'allowed: ' + ', '.join(table.constants)}"
        for name in overrides
        if name not in table.constants
    }


def with_overrides(table: EnergyTable, overrides: Mapping[str, float]) -> EnergyTable:
    """Replace single values of a table; they are scaled to the machine's node like those they replace.

    Raises:
        HardwareError: an unknown name, or a negative or non-finite value.

    """
    for name, problem in unknown_overrides(table, overrides).items():
        raise HardwareError(f"energy.overrides.{name}: {problem}")
    constants = dict(table.constants)
    for name, value in overrides.items():
        if not 0 <= value < float("inf"):
            raise HardwareError(f"energy.overrides.{name}: holds {value}; allowed: a finite number of at least 0")
        given = {"value": float(value), "low": None, "high": None, "obtained": "assumed", "source": "energy.overrides"}
        constants[name] = constants[name].model_copy(update=given)
    return table.model_copy(update={"constants": constants})


def apply_technology(
    table: EnergyTable, node_nm: float, voltage_v: float, temperature_k: float = 300.0
) -> dict[str, AppliedConstant]:
    """Every constant scaled from its own node and voltage to the machine's.

    Energies follow the energy polynomials, areas the area ratios, ratios stay. Leakage powers follow the energy
    polynomials from node to node, at the constant's own voltage, and the leakage current times the supply from voltage
    to voltage; the temperature decides how steeply, not their level, which sources give for an unknown one.
    """
    return {
        name: AppliedConstant(name, constant.value * factor, factor, constant)
        for name, constant in table.constants.items()
        for factor in (_factor(name, constant, node_nm, voltage_v, temperature_k),)
    }


def values_of(constants: Mapping[str, AppliedConstant]) -> dict[str, float]:
    """Strip the origins: bare values, in the units of the names."""
    return {name: constant.value for name, constant in constants.items()}


def _factor(name: str, constant: Constant, node_nm: float, voltage_v: float, temperature_k: float) -> float:
    if constant.node_nm is None or constant.voltage_v is None:
        return 1.0
    if "_um2" in name:
        return area_factor(node_nm, constant.node_nm)
    if "leakage" in name:
        between_nodes = energy_factor(node_nm, constant.voltage_v, constant.node_nm, constant.voltage_v)
        return between_nodes * leakage_voltage_factor(voltage_v, constant.voltage_v, temperature_k)
    return energy_factor(node_nm, voltage_v, constant.node_nm, constant.voltage_v)
