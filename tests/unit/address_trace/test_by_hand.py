"""Every access of a product of 2×2 matrices (and of one with two K folds) on 2×2 PEs, worked out by hand.

DRAM is ideal and folds do not overlap, so that cycle 0 is the first of the load (ws, is) or of the streaming (os).
Addresses: activations (m, k) and outputs (m, n) are 2·row + column, weights lie as (n, k).
"""

from __future__ import annotations

import pytest

from accel_sim import gemm
from tests.machines import buffers, machine
from tests.unit.address_trace.traced import Traced, trace

Row = tuple[int, int, int]
"""Cycle, port, address."""


def traced(k: int, m: int = 2, n: int = 2, array_dim: str = "auto", **array: object) -> Traced:
    ideal = {"buffers": {**buffers(64, 64, 64), "unlimited_capacity": True}, "dram": {"part": "ideal"}}
    fields = {"rows": 2, "cols": 2, "fold_overlap": "none", **array}
    layer, mapping = gemm(m=m, n=n, k=k, a_bits=8, w_bits=8), {"array_dim": array_dim}
    return trace(layer, machine(array=fields, mapping=mapping, **ideal))


def rows(found: Traced, memory: str, access: str = "read") -> list[Row]:
    table = found.accesses(memory, access)
    assert (table.lane == 0).all()
    return sorted(zip(table.cycle.tolist(), table.port.tolist(), table.address.tolist(), strict=True))


def test_weight_stationary() -> None:
    found = traced(2, dataflow="ws")
    # The row of k = 1 first, then that of k = 0; each column has an n.
    assert rows(found, "weights") == [(0, 0, 1), (0, 1, 3), (1, 0, 0), (1, 1, 2)]
    # Row 1 begins m = 0 with row 0, waits one cycle for the sum from above, and so begins m = 1 a cycle later.
    assert rows(found, "activations") == [(2, 0, 0), (2, 1, 1), (3, 0, 2), (4, 1, 3)]
    assert rows(found, "outputs", "write") == [(3, 0, 0), (4, 0, 2), (4, 1, 1), (5, 1, 3)]
    assert rows(found, "outputs") == []


def test_input_stationary_is_the_transpose() -> None:
    found = traced(2, dataflow="is")
    assert rows(found, "activations") == [(0, 0, 1), (0, 1, 3), (1, 0, 0), (1, 1, 2)]
    assert rows(found, "weights") == [(2, 0, 0), (2, 1, 1), (3, 0, 2), (4, 1, 3)]
    assert rows(found, "outputs", "write") == [(3, 0, 0), (4, 0, 1), (4, 1, 2), (5, 1, 3)]


def test_output_stationary() -> None:
    found = traced(2, dataflow="os")
    assert rows(found, "activations") == [(0, 0, 0), (1, 0, 1), (1, 1, 2), (2, 1, 3)]
    assert rows(found, "weights") == [(0, 0, 0), (1, 0, 1), (1, 1, 2), (2, 1, 3)]
    # PE (1, 1) is done after cycle 3; the drain begins with the bottom row.
    assert rows(found, "outputs", "write") == [(4, 0, 2), (4, 1, 3), (5, 0, 0), (5, 1, 1)]


def test_output_stationary_without_a_drain_writes_where_a_pe_is_done() -> None:
    found = traced(2, dataflow="os", os_drain=False)
    assert rows(found, "outputs", "write") == [(1, 0, 0), (2, 0, 2), (2, 1, 1), (3, 1, 3)]


def test_elastic_columns_take_weights_as_elastic_rows_take_activations() -> None:
    """8-bit serial weights: steps of 8 cycles, columns one cycle apart; activations cross them."""
    found = traced(2, dataflow="os", arithmetic="serial_weight")
    assert rows(found, "weights") == [(0, 0, 0), (1, 1, 2), (8, 0, 1), (9, 1, 3)]
    assert rows(found, "activations") == [(0, 0, 0), (1, 1, 2), (8, 0, 1), (9, 1, 3)]


@pytest.mark.parametrize("overlap", ["none", "preload"])
def test_a_second_k_fold_reads_the_sums_of_the_first(overlap: str) -> None:
    """Its load of two cycles follows the first fold's streaming (cycles 2 to 5), or goes on beside it."""
    found = traced(4, dataflow="ws", fold_overlap=overlap)
    load, stream = (6, 8) if overlap == "none" else (2, 6)
    weights, activations = rows(found, "weights")[-8:], rows(found, "activations")
    assert [row for row in weights if row[2] % 4 > 1] == [
        (load, 0, 3), (load, 1, 7), (load + 1, 0, 2), (load + 1, 1, 6)
    ]  # fmt: skip
    assert activations[4:] == [(stream, 0, 2), (stream, 1, 3), (stream + 1, 0, 6), (stream + 2, 1, 7)]
    left = [(stream + 1, 0, 0), (stream + 2, 0, 2), (stream + 2, 1, 1), (stream + 3, 1, 3)]
    assert rows(found, "outputs", "write")[4:] == left
    # A cycle, and a step, before each leaves.
    assert rows(found, "outputs") == [(cycle - 1, port, address) for cycle, port, address in left]


def test_overlapping_folds_follow_row_by_row() -> None:
    """Two K folds of two steps. Row 0 goes on in the cycle after its last step, row 1 a cycle later."""
    found = traced(4, dataflow="ws", fold_overlap="full")
    # The second load begins when the first fold streams, in cycle 2; both rows have copied their shadow by then.
    assert rows(found, "weights")[-4:] == [(2, 0, 3), (2, 1, 7), (3, 0, 2), (3, 1, 6)]
    assert rows(found, "activations") == [
        (2, 0, 0), (2, 1, 1), (3, 0, 4), (4, 0, 2), (4, 1, 5), (5, 0, 6), (5, 1, 3), (6, 1, 7)
    ]  # fmt: skip
    left = [(3, 0, 0), (4, 0, 2), (4, 1, 1), (5, 0, 0), (5, 1, 3), (6, 0, 2), (6, 1, 1), (7, 1, 3)]
    assert rows(found, "outputs", "write") == left
    assert rows(found, "outputs") == [(4, 0, 0), (5, 0, 2), (5, 1, 1), (6, 1, 3)]


def test_overlapping_drains_follow_the_wave() -> None:
    """Two row folds, or m = 0, 1 and 2, 3, of two steps: the second begins behind the first, line by line."""
    found = traced(2, m=4, dataflow="os", fold_overlap="full")
    assert rows(found, "activations") == [
        (0, 0, 0), (1, 0, 1), (1, 1, 2), (2, 0, 4), (2, 1, 3), (3, 0, 5), (3, 1, 6), (4, 1, 7)
    ]  # fmt: skip
    # Column 0 drains when both its rows have handed over, after cycle 2; column 1 a cycle later.
    assert rows(found, "outputs", "write") == [
        (3, 0, 2), (4, 0, 0), (4, 1, 3), (5, 0, 6), (5, 1, 1), (6, 0, 4), (6, 1, 7), (7, 1, 5)
    ]  # fmt: skip


def test_two_arrays_share_what_they_take_at_once() -> None:
    """Four n in two column folds: each array loads its own weights, the activations are read once, for the first."""
    found = traced(2, n=4, dataflow="ws", arrays=2, array_dim="n")
    of_array = [found.accesses("weights").query("array == @array") for array in (0, 1)]
    assert [sorted(table.address) for table in of_array] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert sorted(of_array[0].cycle) == sorted(of_array[1].cycle) == [0, 0, 1, 1]
    assert rows(found, "activations") == [(2, 0, 0), (2, 1, 1), (3, 0, 2), (4, 1, 3)]
    assert set(found.accesses("activations").array) == {0}
    left = found.accesses("outputs", "write")
    for array in (0, 1):
        own = left[left.array == array].sort_values(["cycle", "port"])
        assert own.cycle.tolist() == [3, 4, 4, 5]
        assert own.address.tolist() == [2 * array + at for at in (0, 4, 1, 5)]


def test_two_arrays_that_share_the_time_steps() -> None:
    """Dealt along m, ws arrays take a row of activations each; the weights are loaded once, for the first."""
    found = traced(2, dataflow="ws", arrays=2, array_dim="m")
    assert set(found.accesses("weights").array) == {0}
    activations = found.accesses("activations").sort_values(["array", "port"])
    assert activations[["array", "cycle", "port", "address"]].to_numpy().tolist() == [
        [0, 2, 0, 0], [0, 2, 1, 1], [1, 2, 0, 2], [1, 2, 1, 3]
    ]  # fmt: skip


def test_a_longer_beat_keeps_the_rows_apart_by_a_cycle() -> None:
    """Activations of 8 bits in digits of 2: row 0 ends its steps in cycles 3 and 7 of the stream, row 1 in 4 and 8."""
    found = traced(2, dataflow="ws", arithmetic="serial_act", digit_bits=2)
    assert rows(found, "activations") == [(2, 0, 0), (2, 1, 1), (6, 0, 2), (7, 1, 3)]
    assert rows(found, "outputs", "write") == [(6, 0, 0), (7, 1, 1), (10, 0, 2), (11, 1, 3)]


@pytest.mark.parametrize(("edge_folds", "row", "loaded", "first_out"), [("full", 0, 1, 3), ("used", 1, 0, 2)])
def test_a_partly_filled_fold(edge_folds: str, row: int, loaded: int, first_out: int) -> None:
    """One k: the first row, whose sums pass the unused row below; or the last row, loaded first."""
    found = traced(1, dataflow="ws", edge_folds=edge_folds)
    assert rows(found, "weights") == [(loaded, 0, 0), (loaded, 1, 1)]
    assert rows(found, "activations") == [(2, row, 0), (3, row, 1)]
    out = first_out
    assert rows(found, "outputs", "write") == [(out, 0, 0), (out + 1, 0, 2), (out + 1, 1, 1), (out + 2, 1, 3)]
