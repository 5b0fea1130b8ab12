"""Models by name, and one clear line for everything that can be wrong with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import GemmLayer
from compress import load_workload
from compress.models import resnet8, resnet20

MODULE = """
from torch import nn
def good(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
def sized(): return good()
sized.input_shape = (3, 9, 9)
def number(): return 7
def broken(): raise ValueError("no luck\\nat all")
constant = 5
class Choosy(nn.Module):
    def forward(self, x): return x + 1 if x.sum() > 0 else x
def untraceable(): return nn.Sequential(Choosy())
"""


@pytest.fixture(name="user_module")
def _user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_user_net.py").write_text(MODULE)
    (tmp_path / "my_broken_net.py").write_text("import no_such_package_anywhere\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "my_user_net"


def error_of(spec: str, **options: object) -> str:
    with pytest.raises(WorkloadError) as caught:
        load_workload(spec, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_torchvision_without_weights() -> None:
    workload = load_workload("torchvision:resnet18", batch=2, a_bits=4, w_bits=2)
    assert workload.macs == 2 * 1_814_073_344
    first = workload.layers[0]
    assert isinstance(first, GemmLayer)
    assert (first.a_bits, first.w_bits, first.weights) == (4, 2, None)
    assert workload.name == "torchvision:resnet18"


def test_input_shapes() -> None:
    inception = load_workload("torchvision:inception_v3").layers[0]
    assert isinstance(inception, GemmLayer)
    assert inception.conv is not None
    assert inception.conv.in_h == 299
    small = load_workload("torchvision:resnet18", input_shape=(3, 64, 64))
    assert small.macs < load_workload("torchvision:resnet18").macs


def test_own_models_know_their_input() -> None:
    assert load_workload("compress.models:resnet20").macs == 40_551_040


def test_callables_of_the_user(user_module: str) -> None:
    assert load_workload(f"{user_module}:sized").macs == 49 * 4 * 27
    assert load_workload(f"{user_module}:good", input_shape=(3, 5, 5)).macs == 9 * 4 * 27


def test_the_current_directory_is_importable(tmp_path: Path) -> None:
    (tmp_path / "here_net.py").write_text(MODULE)
    script = "from compress import load_workload; print(load_workload('here_net:sized').macs)"
    run = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == str(49 * 4 * 27)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("resnet50", "model 'resnet50': allowed: torchvision:NAME"),
        ("torchvision:", "allowed: torchvision:NAME"),
        (":resnet20", "allowed: torchvision:NAME"),
        ("torchvision:resnet5O", "no classification model 'resnet5O'; did you mean 'resnet50'?"),
        ("torchvision:zzz", "no classification model 'zzz'; 80 are known"),
        ("no_such_module:net", "module 'no_such_module' cannot be imported: ModuleNotFoundError"),
        ("compress.models:resnet200", "has no callable 'resnet200'; did you mean 'resnet20'?"),
        ("my_broken_net:net", "cannot be imported: ModuleNotFoundError: No module named 'no_such_package_anywhere'"),
        ("my_user_net:constant", "has no callable 'constant'"),
        ("my_user_net:number", "number() returns int; allowed: a torch.nn.Module"),
        ("my_user_net:broken", "calling broken() failed: ValueError: no luck"),
        ("my_user_net:good", "the input shape is not known; give --input-shape C,H,W"),
        ("nowhere.onnx", "nowhere.onnx: no such ONNX file"),
        ("nowhere.csv", "nowhere.csv: no such topology file"),
        ("gemm:0,4,5", "allowed: gemm:M,N,K with three integers from 1"),
        ("gemm:4,5", "allowed: gemm:M,N,K"),
        ("gemm:a,b,c", "allowed: gemm:M,N,K"),
        ("gemm:1,-2,3", "allowed: gemm:M,N,K"),
        ("gemm:1,2.5,3", "allowed: gemm:M,N,K"),
        ("gemm:1,²,3", "allowed: gemm:M,N,K"),
    ],
)
@pytest.mark.usefixtures("user_module")
def test_wrong_names(spec: str, message: str) -> None:
    assert message in error_of(spec)


@pytest.mark.usefixtures("user_module")
def test_wrong_options() -> None:
    assert "module '0'" in error_of("my_user_net:untraceable", input_shape=(3, 4, 4))
    assert "input shape 3,4 is wrong" in error_of("my_user_net:good", input_shape=(3, 4))
    assert "input shape 3,0,4 is wrong" in error_of("my_user_net:good", input_shape=(3, 0, 4))
    assert "cannot take inputs" in error_of("my_user_net:good", input_shape=(4, 8, 8))
    assert "batch is 0" in error_of("gemm:1,2,3", batch=0)
    assert "a batch of 2 has no meaning" in error_of("gemm:1,2,3", batch=2)
    assert "a_bits is 17; allowed: 1 to 16" in error_of("gemm:1,2,3", a_bits=17)
    assert "for PyTorch models only" in error_of("gemm:1,2,3", weights=Path("w.pth"))
    assert "PyTorch and ONNX models only" in error_of("gemm:1,2,3", input_shape=(1, 2, 3))


def test_weights_become_integers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = resnet8()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    layers = load_workload("compress.models:resnet8", weights=tmp_path / "w.pth", w_bits=3).layers
    gemms = [layer for layer in layers if isinstance(layer, GemmLayer)]
    assert all(layer.weights is not None and layer.weights.shape == (1, layer.k, layer.n) for layer in gemms)
    assert all(layer.weights is not None and abs(layer.weights).max() == 3 for layer in gemms)


def test_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "w.safetensors"
    safetensors.save_file(resnet8().state_dict(), path)
    assert load_workload("compress.models:resnet8", weights=path).macs > 0
    path.write_bytes(b"nonsense")
    assert "cannot be read as safetensors" in error_of("compress.models:resnet8", weights=path)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    spec, path = "compress.models:resnet20", tmp_path / "w.pth"
    assert "no such weights file" in error_of(spec, weights=path)
    path.write_bytes(b"not a checkpoint")
    assert "cannot be read as a state dict" in error_of(spec, weights=path)
    torch.save([1, 2], path)
    assert "holds no state dict" in error_of(spec, weights=path)
    state = resnet20().state_dict()
    torch.save({name: tensor for name, tensor in state.items() if name != "linear.bias"}, path)
    assert error_of(spec, weights=path).endswith("it lacks 'linear.bias'")
    torch.save({**state, "more": torch.zeros(1)}, path)
    assert error_of(spec, weights=path).endswith("it holds unknown 'more'")
    torch.save({**state, "linear.bias": torch.zeros(7)}, path)
    assert "linear.bias has shape (7,); the model needs (10,)" in error_of(spec, weights=path)
    torch.save(nn.Linear(2, 2), path)  # a pickled object, which must not be run
    assert "cannot be read as a state dict" in error_of(spec, weights=path)


def test_products_and_tables_do_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text("Layer,M,N,K\na,4,5,6\n")
    script = (
        "import sys; from compress import load_workload; "
        "load_workload('gemm:4,5,6'); load_workload('net.csv'); print('torch' in sys.modules, 'onnx' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "False False"
