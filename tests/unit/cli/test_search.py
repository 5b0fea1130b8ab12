"""``bitgrove search``: what it prints and writes, and wrong calls in one line each that leave nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from compress.models import digits_cnn
from rl.cli import run
from rl.searchers.registry import SEARCHERS

MACHINE = ["loom_like", "--set=array.rows=8", "--set=array.cols=8"]
CALL = ["search", "compress.models:digits_cnn", *MACHINE, "--data", "digits", "--out", "s"]
QUICK = ["--agent", "uniform", "--images", "30", "--max-loss", "100"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(digits_cnn().state_dict(), "net.pth")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network is slower on several
    yield
    torch.set_num_threads(threads)


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a call that ends with exit status 2 and leaves nothing behind."""
    before = sorted(Path.cwd().rglob("*"))
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert sorted(Path.cwd().rglob("*")) == before
    return lines[0]


def test_a_search_says_what_it_costs_and_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*CALL, *QUICK, "--weights", "net.pth"]) == 0
    printed = capsys.readouterr()
    cost, warning, total = printed.err.strip().splitlines()
    assert warning.endswith("guessing on 10.0 %: does it lack --weights?")  # it has its first, random ones
    assert cost.startswith("an evaluation takes ")
    assert "on 30 images (one standard error: " in cost
    assert total.startswith("200 policies, ")
    summary = json.loads(Path("s/summary.json").read_text())
    assert summary["episodes"] == 3  # 8, 6 and 4 bits; there is no more to try
    saved = summary["best"]["saved_percent"]
    assert f"{saved:.1f} % less than dense 8 bit" in printed.out
    assert "s/policy.yaml" in printed.out.split()
    pytest.importorskip("tensorboard")
    assert logged("search/best_saved_percent")[-1] == pytest.approx(saved, abs=0.5)
    # taken up again there is nothing to do: the same figures, and --json - prints them alone
    assert run(["search", "--resume", "s", "--json", "-"]) == 0
    again = capsys.readouterr()
    assert {**json.loads(again.out), "seconds": 0} == {**summary, "seconds": 0}
    # another search is refused, and not even an event file is added
    assert "s/search.sqlite: holds another search (seed 0, not 1); choose another --out" in failure(
        [*CALL, *QUICK, "--weights", "net.pth", "--seed", "1"], capsys
    )


def logged(name: str) -> list[float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator("s/tensorboard")
    events.Reload()
    return [event.value for event in events.Scalars(name)]


def test_help_lists_every_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--help"]) == 0
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    for name in SEARCHERS:
        assert any(line.startswith(f"{name}: ") for line in lines), name


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["search"], "MODEL, HW, --data, --out: missing; allowed: MODEL HW --data DATA --out DIR, or --resume DIR"),
        ([*CALL, "--agent", "compsite"], "--agent: holds 'compsite'; did you mean 'composite'?"),
        ([*CALL, "--episodes", "0"], "--episodes: holds 0; allowed: from 1"),
        ([*CALL, "--seed", "-1"], "--seed: holds -1; allowed: from 0"),
        ([*CALL, "--images", "9999"], "9999 images are asked for; allowed: 1 to "),
        ([*CALL, "--device", "tpu"], "device 'tpu': is not known; allowed: cpu, cuda"),
        ([*CALL, "--out", "net.pth"], "--out net.pth: is a file; a folder is needed"),
        ([*CALL, "--workers", "2", "--scheduler", "tcp://a:1"], "a --scheduler has workers of its own"),
        (["search", "--resume", "s"], "--resume s: holds no search; allowed: the --out of an earlier one"),
        (["search", "--resume", "s", "--episodes", "9"], "--resume s: takes no --episodes; what was asked for stands"),
        (["search", "--resume", "s", *MACHINE], "--resume s: takes no MODEL, --set;"),
    ],
)
def test_wrong_calls(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in failure(arguments, capsys)
