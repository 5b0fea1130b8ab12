"""``bitgrove estimate``: energy, area, leakage and access time of one component."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from rl.outputs import check_destinations, is_stdout, write_text

__all__ = ["app"]

app = typer.Typer(help="Estimate energy and area of one component.", no_args_is_help=True)

JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write JSON; - prints it, and it alone.")
]


@app.command()
def sram(
    kib: Annotated[float, typer.Option(metavar="KIB", help="Capacity of all banks in KiB.")],
    word_bits: Annotated[int, typer.Option(metavar="N", help="Width of one bank's word in bits.")] = 64,
    banks: Annotated[int, typer.Option(metavar="N", help="Number of banks.")] = 1,
    node_nm: Annotated[float, typer.Option(metavar="NM", help="Process node in nm.")] = 45.0,
    cell: Annotated[str, typer.Option(metavar="NAME", help="Transistors: lop, lstp or hp.")] = "lop",
    ports: Annotated[str, typer.Option(metavar="NAME", help="Ports of each bank: 1rw, 1r1w or 2rw.")] = "1rw",
    temperature_k: Annotated[float, typer.Option(metavar="K", help="Junction temperature, for the leakage.")] = 300.0,
    json_: JsonOption = None,
) -> None:
    """Estimate an SRAM: energy per access of one bank's word, leakage and area of all banks, access time.

    Example: bitgrove estimate sram --kib 64 --word-bits 64 --banks 1 --node-nm 45 --cell lop --ports 1rw
    """
    from accel_sim.energy.sram import sram_estimate

    check_destinations([("--json", json_)], ("", None))
    _show(sram_estimate(kib, word_bits, banks, node_nm, cell, ports, temperature_k).to_dict(), json_)


@app.command()
def pe(
    name: Annotated[str, typer.Argument(metavar="HW", help="A built-in machine or a YAML file.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Override a field; repeatable.")
    ] = None,
    a_bits: Annotated[int | None, typer.Option(metavar="N", help="Width of the activation.")] = None,
    w_bits: Annotated[int | None, typer.Option(metavar="N", help="Width of the weight.")] = None,
    json_: JsonOption = None,
) -> None:
    """Estimate a PE of HW: energy of one multiplication in steady state, area and leakage.

    Example: bitgrove estimate pe dense_int8_16x16 --w-bits 4
    """
    from accel_sim.energy.estimate import pe_estimate
    from rl.requests import load_machine

    check_destinations([("--json", json_)], ("", None))
    _show(pe_estimate(load_machine(name, set_ or []), a_bits, w_bits).to_dict(), json_)


def _show(figures: Mapping[str, float], json_destination: str | None) -> None:
    if json_destination is not None:
        write_text(json_destination, json.dumps(dict(figures)) + "\n")
    if not is_stdout(json_destination):
        for name, value in figures.items():
            quantity, _, unit = name.rpartition("_")
            typer.echo(f"{quantity:<12}{value:>12.4g}  {UNITS[unit]}")


UNITS = {"pj": "pJ", "mw": "mW", "uw": "µW", "mm2": "mm²", "um2": "µm²", "ns": "ns"}
