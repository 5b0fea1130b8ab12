"""The files: row groups, memory, and nothing left behind where something goes wrong."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from accel_sim import gemm, simulate
from accel_sim.address_trace import write_address_trace
from accel_sim.address_trace.parquet import TableWriter
from accel_sim.errors import InputError
from accel_sim.network_run import NetworkRun
from tests.machines import machine

COLUMNS = {"layer": ["a", "b"], "cycle": "int64", "lane": "int16"}


def run_of(m: int, **sections: object) -> NetworkRun:
    runs: list[NetworkRun] = []
    simulate(gemm(m=m, n=4, k=8, a_bits=8, w_bits=8), machine(**sections), network=runs.append)
    return runs[0]


def test_row_groups_are_of_one_size_and_the_last_holds_the_rest(tmp_path: Path) -> None:
    run = run_of(100, mapping={"tile_m": 100, "tile_n": 4, "tile_k": 8})
    write_address_trace(tmp_path, run, row_group=64)
    file = parquet.ParquetFile(tmp_path / "sram.parquet").metadata
    sizes = [file.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert sum(sizes) == 100 * 8 + 4 * 8 + 100 * 4
    assert set(sizes[:-1]) == {64}
    assert 0 < sizes[-1] <= 64


def test_memory_does_not_grow_with_the_accesses(tmp_path: Path) -> None:
    """One fold of ever more steps: what grows is a few numbers per row of the matrix, far less than its 12 accesses."""
    sizes, peaks = (400_000, 1_200_000), []
    for m in sizes:
        run = run_of(m, buffers={"unlimited_capacity": True})
        tracemalloc.start()
        write_address_trace(tmp_path, run)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert parquet.ParquetFile(tmp_path / "sram.parquet").metadata.num_rows > 12 * m
    assert peaks[1] - peaks[0] < 48 * (sizes[1] - sizes[0])


def test_types_of_the_columns(tmp_path: Path) -> None:
    write_address_trace(tmp_path, run_of(3))
    sram, dram = (parquet.read_schema(tmp_path / f"{name}.parquet") for name in ("sram", "dram"))
    assert {name: str(sram.field(name).type) for name in sram.names} == {
        "layer": "dictionary<values=string, indices=int32, ordered=0>",
        "cycle": "int64",
        "memory": "dictionary<values=string, indices=int32, ordered=0>",
        "access": "dictionary<values=string, indices=int32, ordered=0>",
        "array": "int16",
        "port": "int32",
        "lane": "int16",
        "address": "int64",
    }
    assert dram.names == ["layer", "cycle", "access", "tensor", "address"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"

    def write() -> None:
        with TableWriter(path, COLUMNS, 2) as table:
            table.add(layer=1, cycle=np.arange(5), lane=0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"t\.parquet: cannot be written"),
        TableWriter(tmp_path / "no" / "t.parquet", COLUMNS),
    ):
        pass


def test_files_of_bursts_go_where_there_are_none(tmp_path: Path) -> None:
    assert len(write_address_trace(tmp_path, run_of(3))) == len(list(tmp_path.iterdir())) == 3
    assert write_address_trace(tmp_path, run_of(3, dram={"part": "ideal"})) == list(tmp_path.iterdir())
