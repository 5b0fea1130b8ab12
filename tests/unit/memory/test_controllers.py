"""The memory controllers beyond what outside runs show: many banks, buses that commands share, dies of a stack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_sim.memory.cycle_level import ControllerSettings, DramRun, run_requests
from accel_sim.memory.parts import DramPart, load_part

REQUESTS = 4000


def changed(name: str, timing: dict[str, Any] | None = None, **fields: Any) -> DramPart:
    part = load_part(name)
    assert part.timing is not None
    return part.model_copy(update={"timing": part.timing.model_copy(update=timing or {}), **fields})


def send(part: DramPart, bursts: NDArray[np.int64], scheduler: str, address_map: str = "rorabacobgch") -> DramRun:
    writes, at_once = np.zeros(len(bursts), np.bool_), np.zeros(len(bursts), np.int64)
    settings = ControllerSettings(scheduler, address_map)
    return run_requests(part, bursts * part.burst_bytes, writes, at_once, settings=settings)


@pytest.mark.parametrize("scheduler", ["fr_fcfs", "fr_fcfs_window"])
def test_banks_on_both_sides_of_a_sets_end_are_served_as_others(scheduler: str) -> None:
    """64 banks in eight groups: 1 to 10 lie to each other and to their groups as 25 to 34 do."""
    part = changed("ddr4_3200", ranks=1, bank_groups=8, banks=64)
    draws, columns = np.random.default_rng(0), part.row_bytes // part.burst_bytes
    rows, banks = draws.integers(0, 4, REQUESTS), draws.integers(1, 11, REQUESTS)
    low = (rows * 64 + banks) * columns
    assert send(part, low, scheduler, "rochrabgbaco") == send(part, low + 24 * columns, scheduler, "rochrabgbaco")


@pytest.mark.parametrize("scheduler", ["fr_fcfs", "fr_fcfs_window", "in_order"])
def test_commands_of_several_clocks_keep_the_bus(scheduler: str) -> None:
    stream, rows = np.arange(REQUESTS), np.random.default_rng(0).integers(0, 1 << 24, REQUESTS)
    column = send(changed("ddr4_3200", {"column_command_ck": 8}), stream, scheduler)
    assert column.cycles >= 8 * REQUESTS
    act = send(changed("ddr4_3200", {"act_command_ck": 8, "trp_ck": 30}), rows, scheduler)
    assert act.cycles >= 8 * act.activates


def test_pseudo_channels_share_the_command_bus_of_one_controller() -> None:
    part, stream = changed("hbm3_6400", {"column_command_ck": 2}), np.arange(REQUESTS)
    assert send(part, stream, "fr_fcfs_window").accepted_cycles >= 2 * (REQUESTS - 64)
    assert send(part, stream, "fr_fcfs").accepted_cycles < 2 * (REQUESTS - 64)


def test_reads_of_two_dies_of_a_stack_are_further_apart() -> None:
    part = changed("hbm2_2000", {"tccd_r_ck": 6}, stack_ids=2)
    every_die = send(part, np.arange(REQUESTS), "in_order", "rochrabacobg")
    one_die = send(part, np.arange(REQUESTS) * 2, "in_order", "rochrabacobg")
    assert every_die.cycles >= 6 * REQUESTS > 2 * one_die.cycles
