"""A layer simulated and traced, as tables."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas
import pyarrow.parquet as parquet

from accel_sim import Hardware, Result, Workload, simulate
from accel_sim.address_trace import write_address_trace
from accel_sim.network_run import NetworkRun
from accel_sim.workload import GemmLayer
from tests.unit.dynamic.cases import Case, random_case

__all__ = ["Traced", "trace", "traceable_case"]


@dataclass(frozen=True, eq=False)
class Traced:
    """The result, what it was traced from, and the rows of both files."""

    result: Result
    run: NetworkRun
    sram: pandas.DataFrame
    dram: pandas.DataFrame

    def accesses(self, memory: str, access: str = "read") -> pandas.DataFrame:
        return self.sram[(self.sram.memory == memory) & (self.sram.access == access)]


def trace(workload: Workload | GemmLayer, hardware: Hardware, row_group: int = 1 << 20) -> Traced:
    runs: list[NetworkRun] = []
    if isinstance(workload, GemmLayer):
        workload = Workload("layer", (workload,))
    result = simulate(workload, hardware, network=runs.append)
    with tempfile.TemporaryDirectory() as folder:
        files = write_address_trace(Path(folder), runs[0], row_group=row_group)
        tables = [parquet.read_table(path).to_pandas() for path in files if path.suffix == ".parquet"]
    return Traced(result, runs[0], tables[0], tables[1] if len(tables) > 1 else pandas.DataFrame())


def traceable_case(seed: int) -> Case:
    """A random case; its tiles are fixed in the machine."""
    case = random_case(seed)
    tree = case.hardware.model_dump()
    tree["buffers"]["bank_conflicts"] = ("even", "exact")[seed % 2]
    tree["technology"]["clock_mhz"] = (10.0, 20.0, 50.0, 100.0, 1000.0)[seed % 5]  # some tiles wait for DRAM
    tiling = case.tiling
    tree["mapping"] |= {
        "tile_m": tiling.tile_m, "tile_n": tiling.tile_n, "tile_k": tiling.tile_k, "loop_order": tiling.loop_order,
        "array_dim": tiling.array_dim,
        "layout": ("tiled", "channel_last", "channel_first")[seed % 3],
    }  # fmt: skip
    return Case(Hardware.model_validate(tree), case.layer, tiling)
