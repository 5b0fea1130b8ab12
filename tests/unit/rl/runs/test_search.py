"""Whole searches on a network of milliseconds: what they leave, that they go on after a kill, and what they report."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from accel_sim import simulate
from accel_sim.errors import InputError
from compress.data import open_labelled
from compress.models.digits_cnn import train_digits
from compress.policy_request import PolicyRequest, policy_workload
from rl import search
from rl.executors.workers import on_processes
from rl.requests import load_machine
from rl.runs.request import SearchRequest, prepare
from rl.runs.saved_request import request_values, stored_request
from rl.runs.search import Cost
from rl.searchers.protocol import Outcome


class NoWatch:
    """Looks on."""

    def phase(self, text: str) -> None: ...

    def step(self, done: int, total: int, text: str) -> None: ...

    def cost(self, cost: Cost) -> None: ...

    def tried(self, outcomes: Sequence[Outcome], total: int) -> None: ...


BUFFERS = ("activations", "weights", "outputs")
SMALL = (
    *(f"buffers.{name}.banks=16" for name in BUFFERS),
    *(f"buffers.{name}.kib=32" for name in BUFFERS),
    "array.rows=8",
    "array.cols=8",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.safetensors"
    save_file(train_digits(epochs=4)[0].state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def request_(trained: Path, tmp_path: Path) -> SearchRequest:
    return SearchRequest(
        model="compress.models:digits_cnn",
        hardware="loom_like",
        data="digits",
        agent="hill_climbing",
        episodes=8,
        max_loss_points=3.0,
        out=tmp_path / "search",
        weights=trained,
        overrides=SMALL,
        images=60,
    )


@pytest.fixture(scope="module")
def table(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sensitivity table, measured once for all searches of this module."""
    out = tmp_path_factory.mktemp("table")
    request = SearchRequest(
        "compress.models:digits_cnn", "loom_like", "digits", "uniform", 1, 3.0, out, 0, trained, SMALL, 60
    )
    search(request)
    return out / "sensitivity.json"


def test_what_is_left_in_the_folder_and_what_it_says(request_: SearchRequest, table: Path) -> None:
    result = search(replace(request_, sensitivity=table))
    names = {path.name for path in request_.out.iterdir()}
    assert names >= {"policy.yaml", "summary.json", "episodes.csv", "search.sqlite", "sensitivity.json"}
    assert {f"{name}.{kind}" for name in ("pareto", "policy", "history") for kind in ("png", "svg")} <= names
    summary = json.loads((request_.out / "summary.json").read_text())
    assert summary == json.loads(json.dumps(result.summary))
    rows = list(csv.DictReader((request_.out / "episodes.csv").read_text().splitlines()))
    assert len(rows) == summary["episodes"] == 8
    best = summary["best"]
    assert best["within_bound"]
    assert best["saved_percent"] == pytest.approx(100 * (1 - best["energy_pj"] / summary["dense_8_bit"]["energy_pj"]))
    assert best["report_loss_points"] == pytest.approx(
        summary["float"]["report_top1_percent"] - best["report_top1_percent"]
    )


@pytest.mark.parametrize("margin", [0.0, 1.0, 40.0])
def test_finalists_keep_the_margin(request_: SearchRequest, table: Path, margin: float) -> None:
    summary = search(replace(request_, sensitivity=table, margin=margin)).summary
    for final in summary["finalists"]:
        worst = final["loss_points"] + margin * final["standard_error_points"]
        assert final["feasible"] == (worst <= request_.max_loss_points + 1e-9)
    feasible = [final["saved"] for final in summary["finalists"] if final["feasible"]]
    assert summary["best"]["within_bound"] == bool(feasible)
    if feasible:
        assert summary["best"]["saved_percent"] == pytest.approx(100 * max(feasible))


def test_the_policy_file_costs_what_the_search_reports(request_: SearchRequest, table: Path) -> None:
    """``simulate`` on the very policy, with its masks and activations, and ``compress`` on the same images."""
    summary = search(replace(request_, sensitivity=table)).summary
    wanted = PolicyRequest(
        request_.model, request_.out / "policy.yaml", request_.data, request_.weights, summary["images"]["calibration"]
    )
    hardware = load_machine(request_.hardware, request_.overrides)
    total = simulate(policy_workload(wanted, batch=1), hardware).total
    assert total.energy_pj.total == pytest.approx(summary["best"]["energy_pj"], rel=1e-9)
    assert total.cycles.total == summary["best"]["cycles"]


def test_no_image_is_searched_and_reported_on(request_: SearchRequest) -> None:
    prepared = prepare(request_)
    searched = {image.numpy().tobytes() for image in prepared.inputs(prepared.search).inputs}
    tried = {image.numpy().tobytes() for image in prepared.inputs(prepared.inner).inputs}
    reported = {image.numpy().tobytes() for image in prepared.inputs(prepared.report).inputs}
    assert tried <= searched
    assert not searched & reported
    assert prepared.report.size == open_labelled("digits", "report").size


@pytest.mark.parametrize("agent", ["composite", "tpe", "random"])
def test_agents_on_a_network(request_: SearchRequest, table: Path, agent: str) -> None:
    """Every searcher's budget and seed: ``tests/unit/rl/searchers``."""
    result = search(replace(request_, agent=agent, episodes=6, sensitivity=table))
    assert len(result.outcomes) == 6
    assert result.summary["best"]["saved_percent"] >= 0 or agent == "random"


class Interrupting(NoWatch):
    """Ends a search after its fourth policy."""

    def tried(self, outcomes: Sequence[Outcome], total: int) -> None:
        if len(outcomes) == 4:
            raise KeyboardInterrupt


def test_the_same_request_goes_on(request_: SearchRequest, table: Path, tmp_path: Path) -> None:
    """What was measured before the end is not measured again."""
    asked = replace(request_, agent="composite", sensitivity=table)
    with pytest.raises(KeyboardInterrupt):
        search(asked, Interrupting())
    assert measured(asked.out) == 4
    before = stored_seconds(asked.out)
    search(asked)
    assert stored_seconds(asked.out)[:4] == before
    search(replace(asked, out=tmp_path / "whole"))
    assert outcome(asked.out) == outcome(tmp_path / "whole")


def stored_seconds(out: Path) -> list[float]:
    """What each stored measurement took: never twice the same."""
    with closing(sqlite3.connect(out / "search.sqlite")) as database:
        return [row[0] for row in database.execute("SELECT seconds FROM episodes ORDER BY number")]


COMMAND = "import sys; from rl.cli import main; main()"


def command(request: SearchRequest, out: Path) -> list[str]:
    options = [f"--set={entry}" for entry in request.overrides]
    fixed = ["--data", request.data, "--weights", str(request.weights), "--images", "60", "--max-loss", "3"]
    call = ["search", request.model, request.hardware, *fixed, "--episodes", "14", "--out", str(out), "--quiet"]
    return [sys.executable, "-c", COMMAND, *call, *options]


def measured(out: Path) -> int:
    """Policies in the store."""
    try:
        with closing(sqlite3.connect(f"file:{out / 'search.sqlite'}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT COUNT(*) FROM episodes").fetchone()[0])
    except sqlite3.Error:
        return 0


def outcome(out: Path) -> tuple[str, dict[str, object], list[list[str]]]:
    """Everything that a search ends with but seconds."""
    summary = json.loads((out / "summary.json").read_text())
    summary.pop("seconds")
    rows = list(csv.DictReader((out / "episodes.csv").read_text().splitlines()))
    kept = [[value for name, value in row.items() if name != "seconds"] for row in rows]
    return (out / "policy.yaml").read_text(), summary, kept


def test_a_killed_search_ends_like_one_that_was_not(request_: SearchRequest, table: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    given = ["--sensitivity", str(table)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command(request_, whole), *given], check=True, timeout=300, env=alone)
    process = subprocess.Popen([*command(request_, killed), *given], env=alone)
    deadline = time.monotonic() + 200
    while measured(killed) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 5 <= measured(killed) < 14
    resume = ["search", "--resume", str(killed), "--quiet"]
    subprocess.run([sys.executable, "-c", COMMAND, *resume], check=True, timeout=300, env=alone)
    assert outcome(killed) == outcome(whole)


def test_a_request_survives_its_store(request_: SearchRequest, table: Path, tmp_path: Path) -> None:
    asked = replace(request_, sensitivity=table, shaped=False)
    search(replace(asked, agent="uniform", episodes=2))
    there = stored_request(request_.out)
    assert isinstance(there.overrides, tuple)
    assert request_values(there) == request_values(replace(asked, agent="uniform", episodes=2))
    with pytest.raises(InputError, match="holds no search; allowed: the --out of an earlier one"):
        stored_request(tmp_path / "nowhere")


def test_another_search_in_the_folder_is_not_overwritten(request_: SearchRequest, table: Path) -> None:
    search(replace(request_, agent="uniform", episodes=2, sensitivity=table))
    with pytest.raises(InputError, match=r"holds another search \(episodes 2, not 3\); choose another --out"):
        search(replace(request_, agent="uniform", episodes=3, sensitivity=table))


def test_processes_change_no_figure(request_: SearchRequest, table: Path, tmp_path: Path) -> None:
    """NSGA-II proposes a generation at a time; here it is measured by two processes."""
    asked = replace(request_, agent="nsga2", episodes=12, sensitivity=table)
    here = search(asked)
    there = search(replace(asked, out=tmp_path / "there"), executor=lambda request: on_processes(request, 2))
    figures = [[(one.candidate, one.reward, one.evaluation.energy_pj) for one in run.outcomes] for run in (here, there)]
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"agent": "compsite"}, "--agent: holds 'compsite'; did you mean 'composite'?"),
        ({"episodes": 0}, "--episodes: holds 0; allowed: from 1"),
        ({"seed": -1}, "--seed: holds -1; allowed: from 0"),
        ({"max_loss_points": -1.0}, "max-loss: holds -1; allowed: 0 to 100 points"),
        ({"model": "gemm:8,8,8"}, "PyTorch models only"),
        ({"data": "fake:20x1x8x8"}, "labels go up to 19; the model tells 10 classes apart"),
        ({"overrides": ("buffers.weights.kib=0.5",)}, "buffers.weights.kib: holds 0.5; layer "),
        ({"sensitivity": Path("no.json")}, "--sensitivity no.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_tried(
    request_: SearchRequest, fields: dict[str, object], part: str
) -> None:
    from accel_sim.errors import BitgroveError

    with pytest.raises(BitgroveError) as error:
        search(replace(request_, **fields))  # type: ignore[arg-type]
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert measured(request_.out) == 0


def test_a_bound_that_no_policy_meets(request_: SearchRequest) -> None:
    """Weights of which 8 bits lose a little; the message says how much can be reached."""
    from rl.env.reward import Reward
    from rl.runs.search import refuse_unreachable

    reward = Reward(0.5, 1.0, 90.0)
    refuse_unreachable(reward, 89.6, images=60)
    with pytest.raises(
        InputError, match=r"--max-loss: holds 0.5; .* loses 1.25 points on the 60 .*; allowed: from 1.25"
    ):
        refuse_unreachable(reward, 88.75, images=60)


def test_a_folder_of_images_is_told_by_its_content(request_: SearchRequest, tmp_path: Path) -> None:
    """The same network and machine on other images is another search, wherever the folder lies."""

    def folder(name: str, seed: int) -> SearchRequest:
        from PIL import Image

        drawn = np.random.default_rng(seed)
        for index in range(10 * 4):
            path = tmp_path / name / str(index % 10) / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
        return replace(request_, data=f"imagefolder:{tmp_path / name}", images=10)

    first, moved, other = folder("a", 0), folder("b", 0), folder("c", 1)
    data = [prepare(one).measured_by["data"] for one in (first, moved, other)]
    assert data[0] == data[1] != data[2]
