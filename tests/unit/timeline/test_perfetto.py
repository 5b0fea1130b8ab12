"""Traces: what they say of cycles, transfers and bytes is what the result says."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accel_sim import Result, load_hardware, simulate
from accel_sim.errors import InputError
from accel_sim.network_run import NetworkRun
from accel_sim.timeline.perfetto import ARRAY, TRACKS, VECTOR_UNIT, write_trace
from accel_sim.timeline.timeline import Timeline
from accel_sim.workload import Workload
from tests.unit.test_simulation import network


@pytest.fixture(scope="module", params=["cycle_level", "bandwidth"])
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Timeline, list]:
    runs: list[NetworkRun] = []
    work: Workload = network()
    hardware = load_hardware("dense_int8_8x8", {"dram.model": request.param})
    result = simulate(work, hardware, network=runs.append)
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    write_trace(path, runs[0].timeline, "network")
    return result, runs[0].timeline, json.loads(path.read_text())["traceEvents"]


def slices(events: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            tracks[event["tid"]].append(event)
    return tracks


def test_slices_of_a_track_follow_each_other(traced: tuple[Result, Timeline, list]) -> None:
    _, timeline, events = traced
    tracks = slices(events)
    assert set(tracks) <= set(TRACKS)
    for track in tracks.values():
        for left, right in itertools.pairwise(track):
            assert left["ts"] + left["dur"] <= right["ts"] + 1e-9
        assert all(event["dur"] > 0 for event in track)
    assert max(e["ts"] + e["dur"] for t in tracks.values() for e in t) <= timeline.cycles / timeline.clock_mhz + 1e-9


def test_the_array_is_busy_or_waits_until_it_is_done(traced: tuple[Result, Timeline, list]) -> None:
    _, timeline, events = traced
    track = slices(events)[ARRAY]
    assert sum(event["dur"] for event in track) == pytest.approx(timeline.compute_end[-1] / timeline.clock_mhz)
    busy = sum(event["args"]["cycles"] for event in track if event["name"] != "wait")
    assert busy == np.diff(timeline.compute_end, prepend=0).sum() - sum(
        round(event["dur"] * timeline.clock_mhz) for event in track if event["name"] == "wait"
    )


def test_bytes_are_those_of_the_result(traced: tuple[Result, Timeline, list]) -> None:
    result, timeline, events = traced
    tracks = slices(events)
    read = sum(e["args"]["bytes"] for track in (1, 2, 3) for e in tracks.get(track, []))
    written = sum(e["args"]["bytes"] for e in tracks[4])
    assert (read, written) == (result.total.dram.read_bytes, result.total.dram.write_bytes)
    assert timeline.cycles == result.total.cycles.total
    for name, moved in (("DRAM read GB/s", read), ("DRAM write GB/s", written)):
        counter = [event for event in events if event["ph"] == "C" and event["name"] == name]
        width_us = timeline.cycles / timeline.clock_mhz / len(counter)
        assert sum(event["args"]["GB/s"] for event in counter) * width_us * 1e3 == pytest.approx(moved, rel=1e-6)


def test_fused_layers_are_on_the_vector_unit(traced: tuple[Result, Timeline, list]) -> None:
    _, timeline, events = traced
    names = {event["name"] for event in slices(events)[VECTOR_UNIT]}
    assert names <= {" + ".join(stage[1:]) or stage[0] for stage in timeline.stages}


def test_a_folder_that_is_missing(traced: tuple[Result, Timeline, list], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_trace(tmp_path / "none" / "trace.json", traced[1], "network")
    assert not list(tmp_path.iterdir())
