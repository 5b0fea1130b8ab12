"""A time line as Chrome trace events, which ui.perfetto.dev and chrome://tracing open.

A track per unit: one for each kind of transfer, the array (with its waits), the vector unit; and counters of the bytes
that DRAM moves per second. Format: "Trace Event Format", Google, https://chromium.googlesource.com/catapult.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.files import write_lines
from accel_sim.timeline import kernel
from accel_sim.timeline.timeline import TRANSFERS, Timeline

__all__ = ["trace_events", "write_trace"]

PROCESS = 1
ARRAY, VECTOR_UNIT = len(TRANSFERS) + 1, len(TRANSFERS) + 2
TRACKS = {
    **{place + 1: f"DRAM {'write' if name == 'outputs' else 'read'}: {name}" for place, name in enumerate(TRANSFERS)},
    ARRAY: "Array",
    VECTOR_UNIT: "Vector unit",
}
BINS = 2000
"""Samples of the bandwidth counters."""

Event = dict[str, Any]


def write_trace(path: Path, timeline: Timeline, title: str) -> None:
    """Write the trace, an event at a time.

    Args:
        title: of the process, e.g. the model and the machine.

    Raises:
        InputError: the file cannot be written; nothing is left behind.
    """

    def lines() -> Iterator[str]:
        yield '{"displayTimeUnit": "ns", "traceEvents": [\n'
        for number, event in enumerate(trace_events(timeline, title)):
            yield f"{',' if number else ''}{json.dumps(event)}\n"
        yield "]}\n"

    write_lines(path, lines())


def trace_events(timeline: Timeline, title: str) -> Iterator[Event]:
    """All events; slices of a track do not overlap."""
    yield {"ph": "M", "name": "process_name", "pid": PROCESS, "args": {"name": title}}
    for track, name in TRACKS.items():
        yield {"ph": "M", "name": "thread_name", "pid": PROCESS, "tid": track, "args": {"name": name}}
        yield {"ph": "M", "name": "thread_sort_index", "pid": PROCESS, "tid": track, "args": {"sort_index": track}}
    for place in range(len(TRANSFERS)):
        yield from _transfers(timeline, place)
    yield from _array(timeline)
    yield from _vector_unit(timeline)
    yield from _bandwidth(timeline)


def _slice(timeline: Timeline, track: int, name: str, start: int, end: int, arguments: Event) -> Event:
    return {
        "ph": "X",
        "name": name,
        "pid": PROCESS,
        "tid": track,
        "ts": start / timeline.clock_mhz,
        "dur": (end - start) / timeline.clock_mhz,
        "args": arguments,
    }


def _tile_name(timeline: Timeline, tile: int, numbers: list[int]) -> tuple[str, Event]:
    layer = timeline.stages[int(timeline.tiles[tile, kernel.STAGE])][0]
    return layer, {"layer": layer, "tile": numbers[tile]}


def _transfers(timeline: Timeline, place: int) -> Iterator[Event]:
    """Slices of one kind; one that is requested while another is under way begins when that one ends."""
    sizes, numbers, before = timeline.sizes_bytes[:, place], timeline.place_in_stage.tolist(), 0
    for tile in np.flatnonzero(sizes).tolist():
        request, end = (int(time) for time in timeline.transfers[tile, place])
        name, arguments = _tile_name(timeline, tile, numbers)
        start = max(request, before)
        if end > start:
            more = {"bytes": int(sizes[tile]), "requested_cycle": request, "end_cycle": end}
            yield _slice(timeline, place + 1, name, start, end, arguments | more)
        before = max(before, end)


def _array(timeline: Timeline) -> Iterator[Event]:
    starts, ends, numbers = (
        timeline.compute_start.tolist(),
        timeline.compute_end.tolist(),
        timeline.place_in_stage.tolist(),
    )
    before = 0
    for tile, (start, end) in enumerate(zip(starts, ends, strict=True)):
        name, arguments = _tile_name(timeline, tile, numbers)
        if start > before:
            yield _slice(timeline, ARRAY, "wait", before, start, arguments)
        if end > start:
            yield _slice(timeline, ARRAY, name, start, end, arguments | {"cycles": end - start})
        before = end


def _vector_unit(timeline: Timeline) -> Iterator[Event]:
    numbers, before = timeline.place_in_stage.tolist(), 0
    for tile in np.flatnonzero(timeline.tiles[:, kernel.VECTOR]).tolist():
        end, cycles = int(timeline.vector_end[tile]), int(timeline.tiles[tile, kernel.VECTOR])
        _, arguments = _tile_name(timeline, tile, numbers)
        layers = timeline.stages[int(timeline.tiles[tile, kernel.STAGE])]
        start = max(before, end - cycles)
        if end > start:
            yield _slice(timeline, VECTOR_UNIT, " + ".join(layers[1:]) or layers[0], start, end, arguments)
        before = max(before, end)


def _bandwidth(timeline: Timeline) -> Iterator[Event]:
    """GB/s of reads and of writes: each transfer's bytes spread evenly from its request to its end."""
    edges = np.linspace(0, max(1, timeline.cycles), BINS + 1)
    for name, places in (("DRAM read GB/s", range(3)), ("DRAM write GB/s", range(3, 4))):
        moved = np.zeros(BINS + 1)
        for place in places:
            there = timeline.sizes_bytes[:, place] > 0
            start, end = timeline.transfers[there, place].T.astype(float)
            moved += _moved_until(edges, start, np.maximum(end, start + 1), timeline.sizes_bytes[there, place])
        rates = np.diff(moved) / np.diff(edges) * timeline.clock_mhz / 1e3
        for edge, rate in zip(edges, rates, strict=False):
            yield {
                "ph": "C",
                "name": name,
                "pid": PROCESS,
                "ts": edge / timeline.clock_mhz,
                "args": {"GB/s": float(rate)},
            }


def _moved_until(
    edges: np.ndarray[Any, Any], start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Bytes moved before each edge, from the slopes of the transfers."""
    slopes = sizes / (end - start)
    times = np.concatenate([start, end])
    order = np.argsort(times, kind="stable")
    rate = np.concatenate([slopes, -slopes])[order].cumsum()
    times = times[order]
    moved = np.concatenate([[0.0], np.cumsum(rate[:-1] * np.diff(times))]) if len(times) else np.zeros(0)
    if not len(times):
        return np.zeros(len(edges))
    return np.asarray(np.interp(edges, times, moved, left=0.0))
