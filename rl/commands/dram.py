"""``bitgrove dram``: a trace of requests through the cycle-level DRAM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accel_sim.errors import InputError
from rl.outputs import check_destinations, is_stdout, write_text

if TYPE_CHECKING:
    from accel_sim.memory.cycle_level import DramRun
    from accel_sim.memory.parts import DramPart

__all__ = ["dram"]

SCHEDULERS = ("fr_fcfs", "fr_fcfs_window", "in_order")
MOST_CHANNELS, MOST_RANKS, MOST_QUEUE = 256, 16, 65536


def dram(
    part: Annotated[str, typer.Argument(metavar="PART", help="A part's name (bitgrove hw list --parts) or YAML file.")],
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Lines of: address READ|WRITE cycle.")],
    channels: Annotated[int, typer.Option(metavar="N", help="Channels of the part.")] = 1,
    ranks: Annotated[
        int | None, typer.Option(metavar="N", help="Ranks of a channel; the part's if left out.", show_default=False)
    ] = None,
    scheduler: Annotated[
        str, typer.Option(metavar="NAME", help="Order of service: fr_fcfs, fr_fcfs_window or in_order.")
    ] = "fr_fcfs",
    address_map: Annotated[
        str, typer.Option(metavar="MAP", help="ro, ch, ra, ba, bg and co in the order of the address's bits.")
    ] = "rochrababgco",
    queue: Annotated[int, typer.Option(metavar="N", help="Reads, and writes, that wait in a channel.")] = 32,
    bank_queue: Annotated[int, typer.Option(metavar="N", help="Requests that wait in a bank, with fr_fcfs.")] = 8,
    per_cycle: Annotated[int, typer.Option(metavar="N", help="Requests that are sent in a clock at most.")] = 1,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON; - prints it, and it alone.")
    ] = None,
) -> None:
    """Send a trace through the cycle-level DRAM: clocks, commands, row hits and energy.

    Each request is one burst. Requests are sent in order, none before its cycle. Cycles are clocks of the DRAM, until
    the last read has come back and the last write is accepted.

    Example: bitgrove dram ddr4_3200 reads.trace
    """
    check_destinations([("--json", json_)], ("", None))
    _check(channels=(channels, MOST_CHANNELS), queue=(queue, MOST_QUEUE), per_cycle=(per_cycle, MOST_QUEUE))
    _check(bank_queue=(bank_queue, MOST_QUEUE), ranks=(1 if ranks is None else ranks, MOST_RANKS))
    if scheduler not in SCHEDULERS:
        raise InputError(f"--scheduler: holds {scheduler!r}; allowed: {', '.join(SCHEDULERS)}")
    from accel_sim.memory.address_map import check_address_map
    from accel_sim.memory.cycle_level import ControllerSettings, run_requests
    from accel_sim.memory.parts import load_part
    from accel_sim.memory.trace_file import read_trace

    try:
        check_address_map(address_map)
    except InputError as error:
        raise InputError(f"--address-map: {error}") from None
    found = load_part(part)
    found = found if ranks is None else found.model_copy(update={"ranks": ranks})
    requests = read_trace(trace)
    settings = ControllerSettings(scheduler, address_map, queue, bank_queue)
    run = run_requests(
        found,
        requests.addresses,
        requests.writes,
        requests.cycles,
        channels=channels,
        per_clock=per_cycle,
        settings=settings,
    )
    values = _values(found, run)
    if json_ is not None:
        write_text(json_, json.dumps(values, indent=1) + "\n")
    if not is_stdout(json_):
        _print(found, values)


def _check(**values: tuple[int, int]) -> None:
    for name, (value, most) in values.items():
        if not 1 <= value <= most:
            raise InputError(f"--{name.replace('_', '-')}: holds {value}; allowed: 1 to {most}")


def _values(part: DramPart, run: DramRun) -> dict[str, Any]:
    from accel_sim.memory.power import run_energy

    assert part.timing is not None  # an ideal part was refused
    energy = run_energy(part, run)
    time_ns = run.cycles * part.timing.tck_ns
    return {
        "cycles": run.cycles,
        "reads": run.reads,
        "writes": run.writes,
        "activates": run.activates,
        "precharges": run.precharges,
        "refreshes": run.refreshes,
        "row_hits": run.row_hits,
        "row_misses": run.row_misses,
        "energy_pj": {
            "activate": energy.activate_pj,
            "read": energy.read_pj,
            "write": energy.write_pj,
            "refresh": energy.refresh_pj,
            "background": energy.background_pj,
            "total": energy.total_pj,
        },
        "energy_method": energy.method,
        "time_ns": time_ns,
        "read_latency_cycles": run.read_latency_cycles,
        "bandwidth_gb_per_s": (run.reads + run.writes) * part.burst_bytes / time_ns if time_ns else 0.0,
    }


def _print(part: DramPart, values: dict[str, Any]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(title=part.name, title_justify="left", show_header=False, box=SIMPLE)
    table.add_column()
    table.add_column(justify="right")
    counts = ("cycles", "reads", "writes", "activates", "precharges", "refreshes", "row_hits", "row_misses")
    for name in counts:
        table.add_row(name.replace("_", " "), f"{values[name]:,}")
    table.add_row("time", f"{values['time_ns'] / 1e3:,.2f} µs")
    table.add_row("mean read latency", f"{values['read_latency_cycles']:,.1f} cycles")
    table.add_row("bandwidth", f"{values['bandwidth_gb_per_s']:,.2f} GB/s")
    table.add_section()
    for name, value in values["energy_pj"].items():
        table.add_row(f"energy, {name}", f"{value / 1e6:,.3f} µJ")
    Console().print(table)
    typer.echo(
        "Energy: IDD method, without the interface."
        if values["energy_method"] == "idd"
        else "Energy: per transferred bit, all in; currents of this part are not known."
    )
