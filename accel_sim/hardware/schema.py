"""The hwconfig: one accelerator, as frozen typed objects with a unit in every name.

The classes are the schema: ranges, allowed names and the text that editors show come from here, and
``bitgrove hw schema`` writes the JSON Schema that pydantic derives. The machine that the fields describe is
defined in ``docs/microarchitecture.md``. Rules that involve several fields live in :mod:`accel_sim.hardware.rules`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ArrayConfig",
    "BufferConfig",
    "BuffersConfig",
    "DramConfig",
    "EnergyConfig",
    "Hardware",
    "MappingConfig",
    "NmSparsity",
    "Section",
    "TechnologyConfig",
    "VectorUnitConfig",
    "json_schema_text",
]

Dataflow = Literal["ws", "os", "is"]
Arithmetic = Literal[
    "parallel",
    "serial_act",
    "serial_weight",
    "serial_both",
    "fused",
    "term_serial_act",
    "term_serial_weight",
    "term_serial_both",
]
Format = Literal["dense", "bitmask", "csc", "rle", "n_m", "bit_columns"]
Size = Annotated[int, Field(ge=1, le=65536)]
Bits = Annotated[int, Field(ge=1, le=16)]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are never converted, objects never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class TechnologyConfig(Section):
    """Process, operating point and clock."""

    node_nm: Annotated[int, Field(ge=7, le=180)] = 45
    """Process node in nm; energies and areas of the table are scaled to it."""
    voltage_v: Annotated[float, Field(ge=0.4, le=1.5)] = 0.9
    """Supply voltage of the logic in V."""
    sram_voltage_v: Annotated[float, Field(ge=0.4, le=1.5)] | None = None
    """Supply voltage of the SRAMs in V; ``null`` = CACTI's nominal one of node and cell."""
    clock_mhz: Annotated[float, Field(gt=0, le=10000)] = 500.0
    """Clock of array, buffers and vector unit in MHz."""
    temperature_k: Annotated[float, Field(ge=250, le=400)] = 300.0
    """Junction temperature in K; leakage of the SRAMs depends on it, and how that of all follows the supply."""


class NmSparsity(Section):
    """Structured weight sparsity: at most ``keep`` of ``of`` consecutive k are non-zero."""

    kind: Literal["n_m"]
    """Always ``n_m``."""
    keep: Annotated[int, Field(ge=1, le=64)]
    """Weights that survive in a group."""
    of: Annotated[int, Field(ge=1, le=64)]
    """Length of a group along k."""


class ArrayConfig(Section):
    """The PE array: geometry, dataflow, arithmetic, elasticity and what zeros do."""

    rows: Annotated[int, Field(ge=1, le=4096)]
    """PE rows."""
    cols: Annotated[int, Field(ge=1, le=4096)]
    """PE columns."""
    lanes: Annotated[int, Field(ge=1, le=256)] = 1
    """Multiplications per PE and step: a dot product of this many consecutive k."""
    arrays: Annotated[int, Field(ge=1, le=256)] = 1
    """Arrays on the same SRAMs and DRAM; folds are dealt to them round-robin."""
    dataflow: Dataflow = "ws"
    """What stays in the PEs: weights (``ws``), activations (``is``) or partial sums (``os``)."""
    arithmetic: Arithmetic = "parallel"
    """How a PE multiplies, and so how long a step occupies it."""
    native_bits: Bits = 8
    """Operand width of the multiplier of ``parallel``; wider operands take several passes."""
    digit_bits: Bits = 1
    """Bits of a serial operand that a PE takes per cycle."""
    bricks: Annotated[int, Field(ge=1, le=1024)] = 16
    """2×2-bit multipliers per PE of ``fused``."""
    precision: Literal["layer", "dynamic"] = "layer"
    """``layer``: the layer's bits; ``dynamic``: the shortest width that holds a sync group's values."""
    encoding: Literal["bits", "csd", "bidirectional"] = "bits"
    """How terms are counted: ones of the magnitude, non-zero canonical signed digits, or (BitVert) bits of the weight
    that differ from those of most of the PE's lanes."""
    term_window: Annotated[int, Field(ge=0, le=16)] | None = None
    """First-stage shifter reach L of a term-serial PE (2^L positions); ``null`` = unlimited."""
    sync_rows: Size = 1
    """Rows that share the beat's length."""
    sync_cols: Size = 1
    """Columns that share the beat's length where the serial operand enters from the top."""
    fifo_depth: Annotated[int, Field(ge=1, le=1024)] = 1
    """Entries of the FIFO between vertical neighbours; 1 = the plain pipeline register."""
    fold_overlap: Literal["none", "preload", "full"] = "preload"
    """What of a fold's load (ws, is) or drain (os) is hidden behind its neighbours' streaming."""
    edge_folds: Literal["full", "used"] = "full"
    """Latency of a partly filled fold: that of the whole array, or of the used PEs."""
    os_drain: bool = True
    """Whether the drain of an output-stationary fold takes time."""
    acc_bits: Annotated[int, Field(ge=8, le=64)] = 32
    """Width of a partial sum."""
    pack_limit: Annotated[int, Field(ge=1, le=64)] = 8
    """Most k that share a PE row under ``pack_columns``."""
    weight_sparsity: Literal["none", "gate", "skip_rows", "pack_columns"] | NmSparsity = "none"
    """What a zero weight saves; for N:M ``{kind: n_m, keep: 2, of: 4}``."""
    activation_sparsity: Literal["none", "gate", "skip_waves"] = "none"
    """What a zero activation saves."""


class BufferConfig(Section):
    """One SRAM."""

    kib: Annotated[float, Field(gt=0, le=1 << 20)]
    """Capacity in KiB, both halves of a double buffer together."""
    banks: Size = 16
    """Banks; each gives one word per cycle and port."""
    word_bits: Annotated[int, Field(ge=8, le=4096)] = 64
    """Width of one bank's word in bits."""
    ports: Literal["1rw", "1r1w", "2rw"] = "1r1w"
    """Ports of each bank: one shared, one read and one write, or two shared."""
    double_buffered: bool = True
    """Two halves: one is filled while the other is used."""
    format: Format = "dense"
    """How operands are stored in this SRAM; ``bit_columns``: weights alone."""
    cell: Literal["lop", "lstp", "hp"] = "lop"
    """Transistor type: low operating power, low standby power, high performance."""


class BuffersConfig(Section):
    """The three SRAMs between DRAM and the array."""

    activations: BufferConfig
    """Input activations."""
    weights: BufferConfig
    """Weights."""
    outputs: BufferConfig
    """Partial sums and outputs."""
    bank_conflicts: Literal["even", "exact"] = "even"
    """``even``: an edge's need is shared evenly by the banks; ``exact``: from the wave's real addresses."""
    unlimited_ports: bool = False
    """Ports never stretch a beat (for comparison with simulators without ports)."""
    unlimited_capacity: bool = False
    """Capacity is not checked and a layer is one tile (for comparison with simulators that do not tile)."""


class DramConfig(Section):
    """The external memory."""

    part: str = "lpddr4_3200"
    """A part's name (``bitgrove hw list --parts``) or the path of a part's YAML file."""
    channels: Annotated[int, Field(ge=1, le=256)] = 1
    """Independent channels of that part."""
    model: Literal["cycle_level", "bandwidth"] = "cycle_level"
    """``cycle_level``: every burst through a memory controller; ``bandwidth``: peak rate less refresh, one latency."""
    scheduler: Literal["in_order", "fr_fcfs", "fr_fcfs_window"] = "fr_fcfs"
    """Order of service of the cycle-level model: the oldest request; first ready with queues of banks, which are served
    in turn; or the oldest ready request of a channel and its pseudo channels."""
    address_map: str = "rorabacobgch"
    """Row, channel, rank, bank, bank group and column, from the most significant bits of an address on. The default
    spreads neighbouring bursts over channels and bank groups."""
    weight_format: Format = "dense"
    """How weights are stored in DRAM."""
    activation_format: Format = "dense"
    """How activations are stored in DRAM; ``bit_columns`` is refused."""


class VectorUnitConfig(Section):
    """The unit for everything that is not a matrix product."""

    lanes: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Operations per cycle; ``null`` = as many as all arrays have columns."""


class MappingConfig(Section):
    """How layers are cut into tiles: searched for, or fixed."""

    objective: Literal["energy", "latency", "edp"] = "energy"
    """What the search minimises."""
    keep_on_chip: Literal["never", "auto"] = "never"
    """Whether activations may stay in SRAM between layers."""
    tile_m: Annotated[int, Field(ge=1)] | None = None
    """Fixed tile size along M; ``null`` = searched."""
    tile_n: Annotated[int, Field(ge=1)] | None = None
    """Fixed tile size along N; ``null`` = searched."""
    tile_k: Annotated[int, Field(ge=1)] | None = None
    """Fixed tile size along K; ``null`` = searched."""
    loop_order: Literal["mnk", "mkn", "nmk", "nkm", "kmn", "knm"] | None = None
    """Tile loops, outermost first; ``null`` = searched."""
    layout: Literal["channel_last", "channel_first", "tiled"] = "tiled"
    """Order of tensors in memory: activations and weights with k fastest, with m and n fastest, or tile by tile."""
    array_dim: Literal["auto", "m", "n"] = "auto"
    """Dimension along which folds are dealt to several arrays; ``auto`` = the better one for the objective."""


class EnergyConfig(Section):
    """Where energies and areas come from."""

    table: str = "default_45nm"
    """A shipped table's name, the path of a table's YAML file, or of a CSV file with some constants."""
    overrides: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Single constants by their name in the table, e.g. ``add_32_pj: 0.12``."""
    sram_estimator: str | None = None
    """A function for the SRAMs in place of CACTI's table: ``MODULE:CALLABLE``, an entry point's name, or
    ``hwcomponents`` where that library is installed."""


class Hardware(Section):
    """A complete accelerator."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """Name of the machine, used in tables and pictures."""
    technology: TechnologyConfig = TechnologyConfig()
    """Process, operating point and clock."""
    preset: Literal["scalesim"] | None = None
    """Values for keys that the file does not give: ``scalesim`` counts as SCALE-Sim v3 does."""
    array: ArrayConfig
    """The PE array."""
    buffers: BuffersConfig
    """The SRAMs."""
    dram: DramConfig = DramConfig()
    """The external memory."""
    vector_unit: VectorUnitConfig = VectorUnitConfig()
    """The vector unit."""
    mapping: MappingConfig = MappingConfig()
    """Tiling."""
    energy: EnergyConfig = EnergyConfig()
    """Energy and area tables."""

    @property
    def vector_lanes(self) -> int:
        """Vector-unit operations per cycle, the default resolved."""
        return self.vector_unit.lanes or self.array.cols * self.array.arrays

    @property
    def clock_hz(self) -> float:
        """Clock in Hz."""
        return self.technology.clock_mhz * 1e6

    @property
    def pes(self) -> int:
        """PEs of all arrays."""
        return self.array.rows * self.array.cols * self.array.arrays

    def resolved(self) -> dict[str, Any]:
        """Every field with its value, as plain JSON types; the ``hardware`` entry of a result."""
        tree: dict[str, Any] = self.model_dump(mode="json")
        tree["vector_unit"]["lanes"] = self.vector_lanes
        return tree

    def content_hash(self) -> str:
        """Sixteen hexadecimal digits that change with any field but the name."""
        tree = self.resolved()
        del tree["name"]
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def json_schema_text() -> str:
    """The JSON Schema of a hwconfig, as editors read it from ``hwconfigs/hwconfig.schema.json``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Hardware.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
