"""``bitgrove search``: the policy that saves most energy on a machine within a bound on lost accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel_sim.errors import InputError
from rl.option_help import DATA_KINDS
from rl.outputs import check_destinations, is_stdout, write_text
from rl.requests import parse_input_shape
from rl.searchers.registry import SEARCHERS, check_agent

if TYPE_CHECKING:
    from rl.executors.protocol import Executor
    from rl.runs.request import SearchRequest
    from rl.runs.result import SearchResult

__all__ = ["search"]

EPISODES, MAX_LOSS_POINTS, MARGIN, AGENT = 200, 1.0, 1.0, "composite"
_WITH_RESUME = {"resume", "workers", "scheduler", "json_", "quiet"}
_OPTION_NAMES = {"model": "MODEL", "hardware": "HW", "overrides": "--set"}
_AGENTS = "\n\n".join(["Who searches.", *(f"{name}: {entry.summary}." for name, entry in SEARCHERS.items())])


def search(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="torchvision:NAME or MODULE:CALLABLE.", show_default=False)
    ] = None,
    hardware: Annotated[
        str | None, typer.Argument(metavar="HW", help="A built-in machine or a YAML file.", show_default=False)
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help=f"Images: {DATA_KINDS}. Of the test images those with an even index are searched on, the others are"
            " for the report.",
        ),
    ] = None,
    agent: Annotated[str, typer.Option(metavar="NAME", help=_AGENTS)] = AGENT,
    episodes: Annotated[int, typer.Option(metavar="N", help="Policies that are tried.")] = EPISODES,
    max_loss: Annotated[
        float, typer.Option(metavar="POINTS", help="Bound on the loss of top-1 accuracy, percentage points.")
    ] = MAX_LOSS_POINTS,
    margin: Annotated[
        float,
        typer.Option(
            metavar="N",
            help="Standard errors by which the loss on the search images must be below the bound, so that it is on"
            " other images, too.",
        ),
    ] = MARGIN,
    seed: Annotated[int, typer.Option(metavar="N", help="For everything that is drawn.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the search and its results are kept.", show_default=False)
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of the model: safetensors, a state dict, or torchvision."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Override a field of HW; repeatable.")
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Search images that every policy is tried on; 1,000 if left out."),
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option(metavar="C,H,W", help="Shape of one input, where the model does not tell.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="Where networks run: cpu or cuda.")] = "cpu",
    sensitivity: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="sensitivity.json of an earlier search of the same network, machine and data."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Processes that try policies side by side.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Try policies on a Dask cluster, tcp://HOST:PORT, instead.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the search in DIR; nothing else is needed.")
    ] = None,
    json_: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write the summary there too; - prints it, and it alone."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary and no progress bar.")] = False,
) -> None:
    """Search for the compression of MODEL that needs least energy on HW, as the simulator measures it.

    DIR gets policy.yaml (for compress and simulate), summary.json, episodes.csv, pictures, TensorBoard's event files,
    and the store with every policy that was tried: a search that was killed goes on where it was.

    Example: bitgrove search compress.models:resnet8 loom_like --weights resnet8.pth --data cifar10:cifar --out searched
    """
    check_agent(agent)
    request = _resumed(resume, context, model, hardware, data, out)
    if request is None:
        from rl.runs.request import SearchRequest

        assert model is not None  # _resumed has looked
        assert hardware is not None
        assert data is not None
        assert out is not None
        shape = parse_input_shape(input_shape) if input_shape else None
        request = SearchRequest(
            model=model,
            hardware=hardware,
            data=data,
            agent=agent,
            episodes=episodes,
            max_loss_points=max_loss,
            margin=margin,
            out=out,
            seed=seed,
            weights=weights,
            overrides=tuple(overrides or ()),
            images=images,
            input_shape=shape,
            device=device,
            sensitivity=sensitivity,
        )
    check_destinations([("--json", json_)], ("--out", request.out))
    result = _run(request, _executor(workers, scheduler), quiet=quiet or is_stdout(json_))
    if json_ is not None:
        write_text(json_, json.dumps(result.summary, indent=1) + "\n")
    if not quiet and not is_stdout(json_):
        _show(result)


def _resumed(
    resume: Path | None,
    context: typer.Context,
    model: str | None,
    hardware: str | None,
    data: str | None,
    out: Path | None,
) -> SearchRequest | None:
    """The stored request with ``--resume``; else ``None``, and everything that a new search needs is there."""
    if resume is None:
        needed = {"MODEL": model, "HW": hardware, "--data": data, "--out": out}
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            raise InputError(f"{', '.join(missing)}: missing; allowed: MODEL HW --data DATA --out DIR, or --resume DIR")
        return None
    given = [name for name in context.params if _is_given(context, name)]
    wrong = [_OPTION_NAMES.get(name, f"--{name.replace('_', '-')}") for name in given if name not in _WITH_RESUME]
    if wrong:
        listed = ", ".join(sorted(wrong, key=_is_option))
        raise InputError(
            f"--resume {resume}: takes no {listed}; what was asked for stands in the folder; allowed:"
            " --workers, --scheduler, --json, --quiet"
        )
    from rl.runs.saved_request import stored_request

    return replace(stored_request(resume), out=resume)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _is_option(name: str) -> bool:
    return name.startswith("--")


def _executor(workers: int, scheduler: str | None) -> Callable[[SearchRequest], Executor] | None:
    if scheduler is not None and workers > 1:
        raise InputError(f"--workers: holds {workers}; a --scheduler has workers of its own")
    if scheduler is None and workers == 1:
        return None

    def make(request: SearchRequest) -> Executor:
        from rl.executors.workers import on_cluster, on_processes

        return on_processes(request, workers) if scheduler is None else on_cluster(request, scheduler)

    return make


def _run(request: SearchRequest, executor: Callable[[SearchRequest], Executor] | None, *, quiet: bool) -> SearchResult:
    from rl.runs.search import search as run_search
    from rl.search_watch import search_watch

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    with search_watch(say, request.out / "tensorboard", quiet=quiet) as watch:
        return run_search(request, watch, executor)


def _show(result: SearchResult) -> None:
    from rich.console import Console

    from rl.search_view import search_view

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(search_view(result))
    for path in sorted(path for path in result.prepared.request.out.iterdir() if path.is_file()):
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
