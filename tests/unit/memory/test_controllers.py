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


def test_a_precharge_of_all_banks_takes_its_own_time_before_a_refresh() -> None:
    """Rows stay open until a refresh closes them: each of those then waits so much longer."""
    trp_ck, longer, stream = 29, 171, np.arange(REQUESTS)
    usual = send(changed("lpddr4_3200", {"trpab_ck": trp_ck}), stream, "fr_fcfs_window")
    slow = send(changed("lpddr4_3200", {"trpab_ck": trp_ck + longer}), stream, "fr_fcfs_window")
    assert usual.refreshes > 0
    assert 0.8 * longer < (slow.cycles - usual.cycles) / usual.refreshes < 1.2 * longer
    by_bank = [changed("lpddr4_3200", {"trpab_ck": clocks}) for clocks in (trp_ck, trp_ck + longer)]
    assert send(by_bank[0], stream, "fr_fcfs") == send(by_bank[1], stream, "fr_fcfs")


def test_a_stated_read_to_write_time_can_only_add() -> None:
    part = load_part("ddr4_3200")
    bursts, writes = np.arange(REQUESTS), np.arange(REQUESTS) % 2 == 1
    cycles = [
        run_requests(
            changed("ddr4_3200", {"trtw_ck": clocks}),
            bursts * part.burst_bytes,
            writes,
            np.zeros(REQUESTS, np.int64),
            settings=ControllerSettings("in_order"),
        ).cycles
        for clocks in (None, 0, 40)
    ]
    assert cycles[0] == cycles[1] < cycles[2]
