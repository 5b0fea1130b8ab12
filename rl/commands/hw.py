"""``bitgrove hw``: the machines that ship with Bitgrove, and checks of one's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from accel_sim.errors import HardwareError

if TYPE_CHECKING:
    from rich.table import Table

    from accel_sim.hardware.schema import BufferConfig, Hardware

__all__ = ["app"]

app = typer.Typer(help="List, show and check machines (hwconfigs).", no_args_is_help=True)

# Redirected output has no width of its own; the widest table needs this much.
TABLE_WIDTH = 200

SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Override a field; repeatable.")
]


@app.command("list")
def list_machines(
    parts: Annotated[bool, typer.Option("--parts", help="List DRAM parts instead.")] = False,
) -> None:
    """List the built-in machines, or the DRAM parts."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    console.print(_parts_table() if parts else _machines_table())


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="HW", help="A built-in machine or a YAML file.")],
    set_: SetOption = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON instead of YAML; - prints it.")
    ] = None,
) -> None:
    """Show every field of a machine as the simulator sees it, as YAML that can be used as a hwconfig."""
    from accel_sim.hardware.load import load_hardware, parse_set_options
    from rl.outputs import check_destinations, write_text

    check_destinations([("--json", json_)], ("", None))
    hardware = load_hardware(name, parse_set_options(set_ or []))
    if json_ is None:
        typer.echo(_yaml_text(hardware), nl=False)
    else:
        write_text(json_, json.dumps(hardware.resolved(), indent=2) + "\n")


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="HW...", help="YAML files or built-in machines.")],
) -> None:
    """Check hwconfigs; every problem is one line with its place in the file, and the exit status is 2."""
    from accel_sim.hardware.load import load_hardware

    problems: list[str] = []
    for file in files:
        try:
            hardware = load_hardware(file)
        except HardwareError as error:
            problems.append(str(error))
        else:
            typer.echo(f"{file}: ok ({hardware.name})")
    if problems:
        raise HardwareError("\n".join(problems))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a hwconfig, for editors that check YAML."""
    from accel_sim.hardware.schema import json_schema_text

    typer.echo(json_schema_text(), nl=False)


def _yaml_text(hardware: Hardware) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = StringIO()
    yaml.dump(hardware.resolved(), out)
    return out.getvalue()


def _machines_table() -> Table:
    from rich.table import Table

    from accel_sim.hardware.load import list_builtins, load_hardware

    headers = (
        "name",
        "array",
        "dataflow",
        "PE",
        "clock (MHz)",
        "node (nm)",
        "act / weight / output SRAM (KiB)",
        "DRAM",
    )
    table = Table(*headers)
    names = list_builtins()
    table.columns[0].min_width = max(map(len, names))  # a name is typed as it stands here: never shortened
    for name in names:
        hw = load_hardware(name)
        arrays = f"{hw.array.arrays} × " if hw.array.arrays > 1 else ""
        table.add_row(
            name,
            f"{arrays}{hw.array.rows}×{hw.array.cols}",
            hw.array.dataflow,
            f"{hw.array.arithmetic}, {hw.array.native_bits} bit",
            f"{hw.technology.clock_mhz:g}",
            f"{hw.technology.node_nm}",
            " / ".join(map(_kib, (hw.buffers.activations, hw.buffers.weights, hw.buffers.outputs))),
            f"{hw.dram.channels} × {hw.dram.part}",
        )
    return table


def _kib(buffer: BufferConfig) -> str:
    return f"{buffer.kib:g}"


def _parts_table() -> Table:
    from rich.table import Table

    from accel_sim.memory.parts import list_parts, load_part

    headers = ("part", "standard", "rate (MT/s)", "channel (bit)", "peak (GB/s)", "row miss (ns)", "refresh (%)")
    table = Table(*headers, "energy (pJ/bit, range)")
    for name in list_parts():
        part = load_part(name)
        energy = part.energy_pj_per_bit
        table.add_row(
            name,
            part.standard,
            "unlimited" if part.data_rate_mtps is None else f"{part.data_rate_mtps:g}",
            f"{part.bus_bits}",
            f"{part.peak_gb_per_s:.1f}",
            f"{part.latency_ns:.1f}",
            f"{100 * (1 - part.refresh_efficiency):.1f}",
            f"{energy.value:g} ({energy.low:g}–{energy.high:g})",
        )
    return table
