"""The command ``bitgrove``: finds the command, runs it, and turns errors into one line and an exit status.

A command is a function (or a typer app with commands of its own) in a module of :mod:`rl.commands`, entered in
:data:`COMMANDS`. Its module is imported when the command is called or listed, so it imports at the top only what is
light; NumPy, Numba, PyTorch and the like are imported inside the functions that need them.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from accel_sim import __version__
from accel_sim.errors import BitgroveError, InputError

__all__ = ["COMMANDS", "CommandEntry", "main", "run"]

EXIT_FAILURE, EXIT_WRONG_INPUT, EXIT_INTERRUPTED = 1, 2, 130


@dataclass(frozen=True)
class CommandEntry:
    """Where a command lives, ``module:attribute``, and the panel of ``bitgrove --help`` that lists it."""

    target: str
    panel: str


COMMANDS: dict[str, CommandEntry] = {
    "demo": CommandEntry("rl.commands.demo:demo", "Start here"),
    "hw": CommandEntry("rl.commands.hw:app", "Machines"),
    "simulate": CommandEntry("rl.commands.simulate:simulate", "Simulation"),
    "compare": CommandEntry("rl.commands.compare:compare", "Simulation"),
    "sweep": CommandEntry("rl.commands.sweep:sweep", "Simulation"),
    "report": CommandEntry("rl.commands.report:report", "Simulation"),
    "compress": CommandEntry("rl.commands.compress:compress", "Compression"),
    "sensitivity": CommandEntry("rl.commands.sensitivity:sensitivity", "Compression"),
    "search": CommandEntry("rl.commands.search:search", "Search"),
    "explain": CommandEntry("rl.commands.explain:explain", "Simulation"),
    "dram": CommandEntry("rl.commands.dram:dram", "Simulation"),
    "estimate": CommandEntry("rl.commands.estimate:app", "Simulation"),
}


class _LazyGroup(TyperGroup):
    """The top level; imports a command's module when the command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (the base class's signature)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _load(cmd_name, COMMANDS[cmd_name])
        return self.commands[cmd_name]


def _load(name: str, entry: CommandEntry) -> Any:
    module, _, attribute = entry.target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    holder = typer.Typer(add_completion=False)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name, rich_help_panel=entry.panel)
    else:
        holder.command(name, rich_help_panel=entry.panel)(found)
        holder.callback()(_nothing)
    group: Any = typer.main.get_command(holder)
    return group.commands[name]


def _nothing() -> None:
    """Makes typer build a group even around a single command."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bitgrove {__version__}")
        raise typer.Exit


_app = typer.Typer(cls=_LazyGroup, add_completion=False, no_args_is_help=True, rich_markup_mode="rich")


@_app.callback()
def _bitgrove(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; allowed anywhere in the line.")
    ] = False,
) -> None:
    """Prune and quantise a network, and see what a systolic accelerator does with it."""
    # --version is done by its callback; --debug is taken out by run(), which accepts it behind the command too.


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status: 0; 2 for a wrong call or file; 1 for a failed run.

    Errors go to standard error, one line per problem.
    """
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    try:
        status = typer.main.get_command(_app).main(args=words, prog_name="bitgrove", standalone_mode=False)
    except InputError as error:
        return _report(str(error), EXIT_WRONG_INPUT, debug)
    except BitgroveError as error:
        return _report(f"bitgrove: {error}", EXIT_FAILURE, debug)
    except typer.TyperException as error:
        return _report(_usage_line(error), error.exit_code, debug)
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except Exception as error:  # any other is a fault of ours, but still one line for the user
        text = " ".join(str(error).split())
        line = f"bitgrove: failed: {type(error).__name__}: {text} (--debug shows where)"
        return _report(line, EXIT_FAILURE, debug)
    return status if isinstance(status, int) else 0


def main() -> NoReturn:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def _report(lines: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    if lines:
        print(lines, file=sys.stderr)
    return status


def _usage_line(error: typer.TyperException) -> str:
    """A wrong call in one line; empty where typer has shown the help instead (a group called without a command)."""
    message = " ".join(error.format_message().split())
    command = getattr(getattr(error, "ctx", None), "command_path", "bitgrove")
    return f"{command}: {message.rstrip('.')} (see {command} --help)" if message else ""


if __name__ == "__main__":
    main()
