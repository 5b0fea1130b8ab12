"""torchvision's weights and data sets: used where they can be fetched, else one clear line and nothing half-written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from torchvision.models import WeightsEnum

from accel_sim.errors import RunError, WorkloadError
from compress.data import cifar, open_labelled
from compress.model_sources import initialised_model, load_state_dict, read_state_dict
from rl.cli import run
from tests.unit.compress.test_data import md5, write_cifar

WORD = Path("torchvision")


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def offline(*_: object, **__: object) -> None:
    sys.stdout.write("Downloading: ...\n")
    raise URLError("no route\nto host")


def test_weights_that_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    assert run(["simulate", "dense_int8_8x8", "torchvision:squeezenet1_1", "--weights", "torchvision"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert "torchvision:squeezenet1_1: squeezenet1_1-b8a52dc0.pth cannot be fetched from https://" in captured.err
    assert "URLError" in captured.err
    assert "give --weights FILE" in captured.err
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pth", ".partial")]


def test_other_models_have_no_published_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "dense_int8_8x8", "compress.models:resnet20", "--weights", "torchvision"]) == 2
    assert "weights 'torchvision' are for models torchvision:NAME; allowed here: a file" in capsys.readouterr().err
    with pytest.raises(WorkloadError):
        read_state_dict(WORD, torch.nn.Linear(1, 1), "some.module:linear")


def test_fetched_weights_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """DenseNet's file has the module names of 2017."""
    published = initialised_model("torchvision:densenet121", seed=3).model.state_dict()
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.") if "denselayer" in name else name: tensor
        for name, tensor in published.items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    asked: dict[str, Any] = {}

    def fetched(self: WeightsEnum, **options: Any) -> dict[str, torch.Tensor]:
        asked.update(options)
        return old

    monkeypatch.setattr(WeightsEnum, "get_state_dict", fetched)
    model = initialised_model("torchvision:densenet121", seed=4).model
    load_state_dict(WORD, model, "torchvision:densenet121")
    assert all(torch.equal(tensor, published[name]) for name, tensor in model.state_dict().items())
    assert asked == {"check_hash": True, "weights_only": True, "map_location": "cpu"}


def test_googlenet_rescales_its_input_with_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    source = initialised_model("torchvision:googlenet", seed=0)
    assert not source.model.transform_input
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda _, **options: source.model.state_dict())
    load_state_dict(WORD, source.model, "torchvision:googlenet")
    assert source.model.transform_input


class _Unreachable(torchvision.datasets.CIFAR10):
    def download(self) -> None:
        (Path(self.root) / self.base_folder).mkdir(parents=True)
        (Path(self.root) / self.base_folder / "data_batch_1").write_bytes(b"half of it")
        offline()


def test_a_data_set_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.CIFAR10", _Unreachable)
    with pytest.raises(
        RunError, match=r"data cifar10:torchvision: cifar-10-python\.tar\.gz cannot be fetched"
    ) as error:
        open_labelled("cifar10:torchvision")
    assert "\n" not in str(error.value)
    assert "give cifar10:ROOT" in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name != "bitgrove"]


def test_a_data_set_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    write_cifar(tmp_path / "test_batch", 6)
    monkeypatch.setattr(cifar, "TEST_10", {"test_batch": md5(tmp_path / "test_batch")})

    class Reachable:
        filename, url = "cifar-10-python.tar.gz", "somewhere"

        def __init__(self, root: str, download: bool) -> None:
            fetched.append(root)
            folder = Path(root) / "cifar-10-batches-py"
            folder.mkdir()
            write_cifar(folder / "test_batch", 6)

    monkeypatch.setattr("torchvision.datasets.CIFAR10", Reachable)
    assert open_labelled("cifar10:torchvision", "test").size == 6
    assert open_labelled("cifar10:torchvision", "report").labels.tolist() == [1, 3, 5]
    assert len(fetched) == 1
    assert [path.name for path in (tmp_path / "cache/bitgrove").iterdir()] == ["cifar-10-batches-py"]
