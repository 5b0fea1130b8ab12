"""``--data``, ``--images`` and ``--operands``: real operands, what is said about them, and wrong calls."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from rl.cli import run

CNN = "compress.models:digits_cnn"
SERIAL = ["dense_int8_8x8", CNN, "--set", "array.arithmetic=term_serial_act"]
FAKE = ["--data", "fake:10x1x8x8"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def simulated(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run(["simulate", *arguments, "--json", "-"]) == 0, capsys.readouterr().err
    tree: dict[str, object] = json.loads(capsys.readouterr().out)
    return tree


def test_real_operands_change_the_cycles_and_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = simulated(capsys, *SERIAL, "--seed", "3")
    real = simulated(capsys, *SERIAL, *FAKE, "--seed", "3")
    assert drawn["operands"] == "drawn uniformly, seed 3"
    assert real["operands"] == "initial weights (seed 3), 1 image of fake"
    assert drawn["total"]["cycles"] != real["total"]["cycles"]  # type: ignore[index]
    assert real == simulated(capsys, *SERIAL, *FAKE, "--seed", "3")


def test_the_summary_says_where_operands_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *SERIAL, *FAKE, "--batch", "2", "--images", "5"]) == 0
    assert "initial weights (seed 0), 2 images of fake, ranges from 5" in capsys.readouterr().out
    assert run(["simulate", "dense_int8_8x8", "gemm:8,8,8"]) == 0
    assert "not needed: nothing here depends on values" in capsys.readouterr().out


def test_nothing_is_captured_where_values_do_not_matter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def captured(*_: object, **__: object) -> None:
        raise AssertionError("the model ran")

    monkeypatch.setattr("compress.calibration.calibrate", captured)
    assert simulated(capsys, "dense_int8_8x8", CNN, *FAKE)["operands"] == ""
    assert run(["simulate", "dense_int8_8x8", CNN, *FAKE, "--operands"]) == 1  # statistics need them


def test_statistics_as_table_columns_and_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(
            [
                "simulate",
                "dense_int8_8x8",
                CNN,
                *FAKE,
                "--operands",
                "--csv",
                "r.csv",
                "--json",
                "r.json",
                "--plot",
                "p",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "Operands: initial weights (seed 0), 1 image of fake" in out
    assert sorted(path.name for path in Path("p").glob("operands.*")) == ["operands.png", "operands.svg"]
    rows = {row["name"]: row for row in csv.DictReader(Path("r.csv").read_text().splitlines())}
    assert 0 < float(rows["conv2"]["operands.activations.zeros"]) < 1
    assert 1 < float(rows["conv2"]["operands.weights.effectual_bits"]) < 7
    assert rows["relu"]["operands.weights.zeros"] == ""
    layers = {layer["name"]: layer for layer in json.loads(Path("r.json").read_text())["layers"]}
    assert layers["conv2"]["operands"]["weights"]["zeros"] == float(rows["conv2"]["operands.weights.zeros"])
    assert "operands" not in layers["relu"]


def test_a_picture_of_the_operands_only_where_they_matter() -> None:
    assert run(["simulate", "dense_int8_8x8", "gemm:8,8,8", "--plot", "dense", "--quiet"]) == 0
    assert not list(Path("dense").glob("operands.*"))
    set_ = ["--set", "array.weight_sparsity=gate"]
    assert run(["simulate", "dense_int8_8x8", "gemm:8,8,8", *set_, "--plot", "gated", "--quiet"]) == 0
    assert len(list(Path("gated").glob("operands.*"))) == 2


def test_compare_takes_data(capsys: pytest.CaptureFixture[str]) -> None:
    machines = ["pragmatic_like", "dense_int8_8x8"]
    assert run(["compare", *machines, CNN, *FAKE, "--json", "c.json"]) == 0
    assert "Operands: initial weights (seed 0), 1 image of fake" in capsys.readouterr().out
    origins = [result["operands"] for result in json.loads(Path("c.json").read_text())["results"]]
    assert origins == ["initial weights (seed 0), 1 image of fake", ""]


@pytest.mark.parametrize("command", ["simulate", "compare"])
@pytest.mark.parametrize("machine", ["dense_int8_8x8", "pragmatic_like"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([CNN, "--data", "cifar11:x"], "did you mean 'cifar10'?"),
        ([CNN, "--data", "cifar10:nowhere"], "nowhere: holds no file"),
        ([CNN, "--images", "2"], "--images: holds 2; allowed: together with --data only"),
        ([CNN, *FAKE, "--batch", "2", "--images", "1"], "images is 1; allowed: at least the batch, 2"),
        ([CNN, "--data", "digits", "--images", "2000"], "allowed: 1 to 1437"),
        (["gemm:8,8,8", *FAKE], "data fake:10x1x8x8 can be given for PyTorch models only"),
    ],
)
def test_wrong_calls(
    command: str, machine: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [machine] if command == "simulate" else [machine, "dense_int8_8x8"]
    assert run([command, *names, *arguments, "--json", "r.json"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert not list(Path().iterdir())


def test_images_of_another_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", *SERIAL, "--data", "fake:10x3x32x32"]) == 2
    assert "images are 3×32×32 (C×H×W); the model takes 1×8×8" in capsys.readouterr().err
