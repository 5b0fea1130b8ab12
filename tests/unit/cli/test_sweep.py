"""``bitgrove sweep``: what it prints and writes, and wrong calls in one line each that leave nothing behind."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from rl.cli import run
from tests.unit.rl.sweeps import specs

CALL = ["sweep", "space.yaml", "--out", "s", "--workers", "1"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    specs.write(tmp_path)


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


def test_a_sweep_runs_once_and_is_then_only_analysed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run([*CALL[:4], "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("space: 12 points, 0 stored, 12 to compute\n  model: gemm:24,16,32, ")
    assert not Path("s").exists()
    assert run([*CALL, "--csv", "s.csv"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("space: 12 points\nbest by edp_js of gemm:24,16,32")
    assert "Pareto front over latency_s, energy_j of gemm:9,20,40" in printed
    assert "what each axis matters: " in printed
    rows = list(csv.DictReader(Path("s.csv").read_text().splitlines()))
    assert [row["number"] for row in rows] == [str(number) for number in range(12)]
    assert list(rows[0])[:6] == ["number", "status", "message", "model", "array.rows", "dram.channels"]

    monkeypatch.setattr("rl.executors.ordered.ProcessTasks", None)  # nobody computes any more
    assert run([*CALL[:4], "--json", "-", "--where", "array.rows == 8", "--pareto", "latency_s,tops"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert [point["number"] for point in tree["points"]] == [2, 3, 8, 9]
    assert tree["pareto"]["metrics"] == ["latency_s", "tops"]
    assert set(tree["best"]["numbers"]["gemm:24,16,32"]) == {2, 3}
    assert tree["points"][0]["metrics"]["latency_s"] == float(rows[2]["latency_s"])
    assert run([*CALL[:4], "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("space: 12 points, 12 stored, 0 to compute\n")

    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    assert run([*CALL[:4], "--parquet", "s.parquet", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    table = parquet.read_table("s.parquet").to_pydict()
    assert table["latency_s"] == [float(row["latency_s"]) for row in rows]


def test_shards_and_merge(capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("1/2", "2/2"):
        assert run(["sweep", "space.yaml", "--out", f"s{part[0]}", "--workers", "1", "--shard", part]) == 0
        assert capsys.readouterr().out.startswith("space: 6 of 12 points\n")
    assert run(["sweep", "--merge", "s1", "s2", "--out", "s"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("space: 12 points\n")
    assert captured.err == ""


def test_a_missing_shard_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("1/3", "3/3"):
        assert run(["sweep", "space.yaml", "--out", f"s{part[0]}", "--workers", "1", "--shard", part, "--quiet"]) == 0
    assert run(["sweep", "--merge", "s1", "s3", "--out", "s"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "warning: 4 of 12 points are in none of the folders\n"
    assert captured.out.startswith("space: 8 of 12 points\n")


def test_failed_points_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text(specs.FAILING)
    assert run(CALL) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("warning: 2 of 6 points failed; point 2: dense_int8_8x8: buffers.weights.kib: holds")
    assert captured.out.startswith("space: 6 points\n")
    Path("space.yaml").write_text(specs.FAILING.replace("8, 0.015625, 16", "0.015625"))
    assert run(CALL) == 1
    assert capsys.readouterr().err.strip().splitlines()[-1] == "bitgrove: every point of the sweep failed"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["sweep", "nowhere.yaml", "--out", "s"], "nowhere.yaml: cannot be read: No such file"),
        (["sweep", "space.yaml"], "--out: is missing; needed: the folder where results are kept"),
        (["sweep", "space.yaml", "other.yaml", "--out", "s"], "SPEC: got 2 files; allowed: one, or several folders"),
        ([*CALL, "--shard", "3/2"], "--shard: holds '3/2'; allowed: I/N with I from 1 to N, e.g. 2/8"),
        ([*CALL, "--scheduler", "tcp://a:1"], "--workers, --scheduler, --cluster: allowed: one of them"),
        ([*CALL, "--where", "area_mm2 ="], "--where 'area_mm2 =': is not an expression"),
        ([*CALL, "--pareto", ","], "--pareto: names no metric; allowed: e.g. latency_s,energy_j"),
        ([*CALL, "--json", "-", "--csv", "-"], "--json -, --csv -: only one of them can be standard output"),
        ([*CALL, "--csv", "no/where.csv"], "--csv no/where.csv: the folder no does not exist"),
        (["sweep", "space.yaml", "--out", "space.yaml"], "--out space.yaml: is a file; a folder is needed"),
        (["sweep", "--merge", "s1", "--out", "s"], "s1: holds no sweep.sqlite; allowed: the --out of a sweep"),
    ],
)
def test_wrong_calls(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert part in failure(arguments, capsys)


def test_a_cluster_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("slurm.yaml").write_text("system: slurm\njobs: 2\ncores: 4\nmemory: 8GB\n")
    Path("bad.yaml").write_text("system: pbs\njobs: 0\ncores: 4\nmemory: lots\n")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    call = ["sweep", "space.yaml", "--out", "s", "--cluster"]
    assert failure([*call, "slurm.yaml"], capsys) == (
        "--cluster: needs dask-jobqueue; pip install 'bitgrove[jobqueue]'"
    )
    assert run([*call, "bad.yaml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "bad.yaml:1:9: system: holds 'pbs'; allowed: slurm, lsf",
        "bad.yaml:2:7: jobs: holds 0; allowed: an integer of at least 1",
        "bad.yaml:4:9: memory: holds 'lots'; allowed: text such as 16GB",
    ]


@pytest.mark.parametrize("option", [["--dry-run"], ["--shard", "1/2"], ["--workers", "3"]])
def test_merging_computes_nothing(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "--merge", "a", "b", "--out", "c", *option]) == 2
    expected = f"{option[0]}: is given beside --merge, which computes nothing; allowed: one of them\n"
    assert capsys.readouterr().err == expected
