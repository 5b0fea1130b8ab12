"""``bitgrove compress`` and ``bitgrove sensitivity``: what they write, and wrong calls in one line each."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from compress.data.specs import DATA_FORMS
from compress.models import digits_cnn
from rl.cli import run

CNN = ["compress.models:digits_cnn", "--data", "digits"]
POLICY = "schema: 1\ndefaults: {w_bits: 6, a_bits: 6}\nlayers:\n  conv2: {algorithm: level, ratio: 0.5}\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(POLICY)


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a call that ends with exit status 2 and leaves nothing behind."""
    before = sorted(Path.cwd().rglob("*"))
    assert run(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert sorted(Path.cwd().rglob("*")) == before
    return lines[0]


def test_sensitivity_writes_a_table_and_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["sensitivity", *CNN, "--out", "s", "--images", "40", "--ratios", "0.5", "--bits", "2,8", "--json", "-"]
    assert run([*call, "--algorithms", "level,l1_filter"]) == 0
    tree = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader(Path("s/sensitivity.csv").read_text().splitlines()))
    layers = ["conv1", "depthwise", "pointwise", "conv2", "linear"]
    assert list(dict.fromkeys(row["layer"] for row in rows[1:])) == layers
    assert len(tree["rows"]) == len(rows) - 1 == 5 * (1 + 2 + 2) + 4  # no filters of the answers
    names = {"sensitivity", "sensitivity_pruning", "sensitivity_bits"}
    assert {path.stem for path in Path("s").glob("*.png")} == {path.stem for path in Path("s").glob("*.svg")} == names


def test_sensitivity_shows_what_layers_bear(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["sensitivity", *CNN, "--out", "s", "--images", "20", "--algorithms", "", "--bits", "8"]
    assert run(call) == 0
    out = capsys.readouterr().out
    assert "fewest bits that cost at most 1 point" in out
    assert "s/sensitivity_bits.svg" in out
    assert not Path("s/sensitivity_pruning.svg").exists()


@pytest.mark.parametrize("command", ["simulate", "compare", "compress", "sensitivity"])
def test_help_names_every_kind_of_data_and_weights(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    shown = "".join(character for character in capsys.readouterr().out if character not in " │\n")
    for form in DATA_FORMS.replace(" or ", ", ").split(", "):
        assert form in shown
    assert "thewordtorchvision" in shown


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--algorithms", "levle"], "algorithm 'levle': is not known; did you mean 'level'?"),
        (["--ratios", "0.5,1"], "ratio: holds 1.0; allowed: a number above 0 and below 1"),
        (["--bits", "17"], "bits: holds 17; allowed: an integer from 1 to 16"),
        (["--bits", "two"], "--bits: holds 'two'; allowed: integers from 1 to 16, e.g. 2,4,8"),
        (["--bits", "", "--algorithms", ""], "--algorithms, --bits: nothing is left to try"),
        (["--weights", "no.pth"], "no.pth: no such weights file"),
    ],
)
def test_wrong_sensitivity(options: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert line in failure(["sensitivity", *CNN, "--out", "s", *options], capsys)


def test_sensitivity_of_what_is_no_network(capsys: pytest.CaptureFixture[str]) -> None:
    line = failure(["sensitivity", "gemm:8,8,8", "--data", "digits", "--out", "s"], capsys)
    assert line.endswith(
        "gemm:8,8,8: PyTorch models only can be compressed; allowed: torchvision:NAME, module:callable"
    )


def test_compress_writes_what_simulate_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compress", *CNN, "--policy", "policy.yaml", "--out", "c", "--quiet"]) == 0
    written = {path.name for path in Path("c").iterdir()}
    assert {"policy.yaml", "model.onnx"} <= written
    for policy in ("policy.yaml", "c/policy.yaml"):
        assert (
            run(["simulate", "dense_int8_8x8", *CNN, "--policy", policy, "--json", f"{Path(policy).parent.name}.json"])
            == 0
        )
    capsys.readouterr()
    given, resolved = (json.loads(Path(name).read_text()) for name in (".json", "c.json"))
    assert given["total"] == resolved["total"]


def test_accuracy_in_integer_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["compress", *CNN, "--policy", "policy.yaml", "--out", "c", "--integer", "--report-images"]
    assert run([*call, "50"]) == 0
    assert "in integer arithmetic, as the machine computes" in capsys.readouterr().out
    accuracy = json.loads(Path("c/report.json").read_text())["accuracy"]
    assert abs(accuracy["integer"]["top1_percent"] - accuracy["compressed"]["top1_percent"]) <= 4
    assert "--report-images above 0" in failure([*call, "0"], capsys)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("conv2:", "conv3:", "policy.yaml:4:3: layers.conv3: is no layer of the network; did you mean 'conv2'?"),
        ("level", "levle", "did you mean 'level'?"),
        ("0.5", "1.0", "ratio"),
        ("0.5", "-0.1", "ratio"),
        ("w_bits: 6", "w_bits: 0", "w_bits"),
        ("w_bits: 6", "w_bits: 17", "w_bits"),
        ("w_bits: 6", "w_bits: six", "w_bits"),
        ("ratio: 0.5", "ratoi: 0.5", "did you mean 'ratio'?"),
    ],
)
def test_wrong_policies(old: str, new: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("policy.yaml").write_text(POLICY.replace(old, new))
    found = failure(["compress", *CNN, "--policy", "policy.yaml", "--out", "c"], capsys)
    assert line in found
    assert "policy.yaml:" in found


def test_weights_that_do_not_fit_or_are_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    weights = digits_cnn().state_dict()
    torch.save({**weights, "conv1.weight": torch.zeros(3, 1, 3, 3)}, "other.pth")
    torch.save(weights, "whole.pth")
    Path("cut.pth").write_bytes(Path("whole.pth").read_bytes()[:2000])
    call = ["compress", *CNN, "--policy", "policy.yaml", "--out", "c", "--weights"]
    assert "conv1.weight" in failure([*call, "other.pth"], capsys)
    assert "cut.pth: cannot be read as a state dict" in failure([*call, "cut.pth"], capsys)


def test_images_of_another_shape(capsys: pytest.CaptureFixture[str]) -> None:
    call = [
        "compress",
        "compress.models:digits_cnn",
        "--data",
        "fake:10x3x8x8",
        "--policy",
        "policy.yaml",
        "--out",
        "c",
    ]
    assert "fake:10x3x8x8" in failure(call, capsys)


def test_a_ratio_that_empties_a_layer_keeps_a_filter_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    Path("policy.yaml").write_text(POLICY.replace("level, ratio: 0.5", "l1_filter, ratio: 0.999"))
    assert run(["compress", *CNN, "--policy", "policy.yaml", "--out", "c", "--quiet"]) == 0
    assert "conv2" in capsys.readouterr().err
