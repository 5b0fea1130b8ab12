"""Transfers through the memory controllers: which bursts they touch, and how long they take at the least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.memory import controller_layout as layout
from accel_sim.memory.bursts_kernel import count_bursts
from accel_sim.memory.controller_layout import new_state
from accel_sim.memory.cycle_level import ControllerSettings, controller_parameters
from accel_sim.memory.parts import load_part
from accel_sim.memory.transfer_kernel import COUNTED, add_counts, transfer

PARTS = ("lpddr4_3200", "ddr4_3200", "gddr6_12000", "hbm2_2000", "hbm3_6400")


class Memory:
    """Controllers that transfers are sent through one after another."""

    def __init__(self, part: str, channels: int = 1, scheduler: str = "fr_fcfs") -> None:
        self.part = load_part(part)
        self.p = controller_parameters(
            self.part, channels, ControllerSettings(scheduler, "rorabacobgch", 16, 16, unified=True)
        )
        self.state = np.append(new_state(self.p), 0)
        self.state[layout.NEXT :: int(self.p[layout.STRIDE])] = 0
        self.copy = np.empty_like(self.state)

    def send(self, at: int, base: int, size: int, run: int, stride: int, write: bool) -> int:
        no_log = np.zeros((0, 2), np.int64)
        return int(transfer(self.p, self.state, self.copy, at, base, size, run, stride, write, no_log))

    def counts(self) -> list[int]:
        """Commands of all transfers, those included that the state still holds."""
        total = np.zeros(COUNTED, np.int64)
        add_counts(self.p, self.copy, total, np.zeros(COUNTED, np.int64))
        return [int(value) for value in total]


def bursts_of(base: int, size: int, run: int, stride: int, burst: int) -> list[int]:
    """Bursts that the bytes of a transfer lie in, in order, one that follows itself once."""
    found: list[int] = []
    for offset in range(size):
        own = (base + offset // run * stride + offset % run) // burst
        if not found or own > found[-1]:
            found.append(own)
    return found


@st.composite
def transfers(draw: st.DrawFn) -> tuple[int, int, int, int, bool]:
    run = draw(st.integers(1, 300))
    return (
        draw(st.integers(0, 5000)),
        draw(st.integers(1, 2000)),
        run,
        run + draw(st.integers(0, 3000)),
        draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(PARTS),
    st.integers(1, 3),
    st.sampled_from(["fr_fcfs", "fr_fcfs_window", "in_order"]),
    st.lists(transfers(), min_size=1, max_size=5),
)
def test_every_burst_is_moved_once(part: str, channels: int, scheduler: str, sent: list) -> None:
    memory = Memory(part, channels, scheduler)
    reads = writes = at = 0
    for base, size, run, stride, write in sent:
        expected = len(bursts_of(base, size, run, stride, memory.part.burst_bytes))
        done = memory.send(at, base, size, run, stride, write)
        reads, writes = reads + expected * (not write), writes + expected * write
        buses = channels * memory.part.pseudo_channels
        assert done >= at + expected / buses * memory.part.burst_ns / memory.part.timing.tck_ns
        at = done
    activates, hits, misses, _, read, written = memory.counts()
    assert read == reads
    assert written <= writes
    if sent[-1][4]:  # the copy was run until all writes had been moved
        assert written == writes
    assert hits + misses == read + written
    assert activates >= misses


@settings(max_examples=300, deadline=None)
@given(st.lists(transfers(), min_size=1, max_size=5), st.sampled_from([8, 32, 64, 256]))
def test_bursts_are_counted_as_they_are_moved(sent: list, burst_bytes: int) -> None:
    spans = np.array([(base, run, stride) for base, _, run, stride, _ in sent])
    sizes = np.array([size for _, size, *_ in sent])
    expected = [len(bursts_of(base, size, run, stride, burst_bytes)) for base, size, run, stride, _ in sent]
    assert count_bursts(spans, sizes, burst_bytes).tolist() == expected


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("write", [False, True])
def test_a_long_stream_runs_at_the_peak_rate(part: str, channels: int, write: bool) -> None:
    memory, size = Memory(part, channels), 4 << 20
    done = memory.send(0, 0, size, size, size, write)
    gb_per_s = size / (done * memory.part.timing.tck_ns)
    timing = memory.part.timing
    # GDDR6: its column commands may not follow each other as fast as its bursts are
    clocks = memory.part.burst_ns / timing.tck_ns
    peak = memory.part.peak_gb_per_s * channels * min(1, clocks / timing.tccd_s_ck)
    assert 0.85 * peak * memory.part.refresh_efficiency < gb_per_s <= 1.01 * peak  # clocks are rounded


def test_transfers_follow_each_other_without_a_gap() -> None:
    """The next one's bursts go in behind, not only when the last data of the one before have arrived."""
    apart, together, size = Memory("ddr4_3200"), Memory("ddr4_3200"), 1 << 14
    done = 0
    for piece in range(16):
        done = apart.send(done, piece * size, size, size, size, False)
    for piece in range(16):
        last = together.send(0, piece * size, size, size, size, False)
    whole = Memory("ddr4_3200").send(0, 0, 16 * size, 16 * size, 16 * size, False)
    assert last == whole < done


def test_a_late_request_waits_for_nobody() -> None:
    early, late = Memory("lpddr4_3200"), Memory("lpddr4_3200")
    first = early.send(0, 0, 64, 64, 64, False)
    assert late.send(10_000, 0, 64, 64, 64, False) - 10_000 <= first + load_part("lpddr4_3200").timing.trfc_ck
