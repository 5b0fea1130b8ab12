"""Data sets by name: which images, how they are normalised, and one line for everything that is wrong."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from accel_sim.errors import DataError
from compress.data import Normalisation, calibration_batch, cifar, open_images, open_labelled
from compress.models import digits_cnn, resnet8, resnet20
from compress.models.digits_cnn import digits_data
from tests.shared_files import shared_path


def write_cifar(path: Path, count: int, labels: bytes = b"labels") -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A file of CIFAR's form; its images."""
    data = np.random.default_rng(0).integers(0, 256, (count, 3072), dtype=np.uint8)
    path.write_bytes(pickle.dumps({b"data": data, labels: list(range(count))}, protocol=4))
    return data.reshape(-1, 3, 32, 32)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_digits_are_the_training_images() -> None:
    (train, _), _ = digits_data()
    batch = calibration_batch("digits", digits_cnn(), 5, seed=1)
    assert batch.shape == (5, 1, 8, 8)
    assert all((train == image).all(dim=(1, 2, 3)).any() for image in batch)


def test_the_first_images_do_not_depend_on_how_many() -> None:
    few, many = (calibration_batch("fake:10x3x32x32", resnet20(), count, seed=4) for count in (2, 5))
    assert torch.equal(few, many[:2])
    assert len({image.sum().item() for image in many}) == 5
    assert not torch.equal(few, calibration_batch("fake:10x3x32x32", resnet20(), 2, seed=5))


def test_each_model_normalises_in_its_own_way() -> None:
    imagenet = calibration_batch("fake:10x3x32x32", resnet20(), 3)
    raw = calibration_batch("fake:10x3x32x32", resnet8(), 3)
    assert raw.min() >= 0
    assert 254 < raw.max() <= 255.001
    assert torch.allclose(raw, raw.round(), atol=1e-3)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (raw / 255 - mean[:, None, None]) / deviation[:, None, None]
    assert torch.allclose(imagenet, expected, atol=1e-5)
    unknown = calibration_batch("fake:10x3x32x32", nn.Identity(), 3, input_shape=(3, 32, 32))
    assert torch.equal(unknown, imagenet)


def test_normalisation_for_other_channels() -> None:
    with pytest.raises(DataError, match="is for 3 channels; the images have 1"):
        Normalisation((0.5, 0.5, 0.5), (1.0, 1.0, 1.0)).apply(torch.zeros(1, 1, 2, 2))


def test_cifar_takes_training_images_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "cifar-10-batches-py"
    home.mkdir()
    test = write_cifar(home / "test_batch", 6)
    monkeypatch.setattr(cifar, "TEST_10", {"test_batch": md5(home / "test_batch")})
    for root in (tmp_path, home):
        images = open_images(f"cifar10:{root}")
        assert images.size == 3
        assert torch.equal(images.pixels([1], (3, 32, 32)), torch.from_numpy(test[2:3]).float() / 255)
    train = write_cifar(home / "data_batch_2", 4)
    monkeypatch.setattr(cifar, "TRAIN_10", {"data_batch_1": "x", "data_batch_2": md5(home / "data_batch_2")})
    images = open_images(f"cifar10:{tmp_path}")
    assert images.size == 4
    assert torch.equal(images.pixels([3], (3, 32, 32)), torch.from_numpy(train[3:]).float() / 255)


def test_a_changed_cifar_file_is_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "test").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        DataError, match=r"test: is not the official file \(MD5 [0-9a-f]{32}; allowed: f0ef6b0a"
    ) as error:
        open_images(f"cifar100:{tmp_path}")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "sprung").exists()


def test_even_with_the_right_checksum_only_arrays_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "test").write_bytes(pickle.dumps(Trap()))
    monkeypatch.setattr(cifar, "TEST_100", {"test": md5(tmp_path / "test")})
    with pytest.raises(pickle.UnpicklingError, match="is not allowed"):
        open_images(f"cifar100:{tmp_path}")
    assert not (tmp_path / "sprung").exists()


def test_the_official_files() -> None:
    root = shared_path("data/cifar")
    ten, hundred = open_images(f"cifar10:{root}"), open_images(f"cifar100:{root}")
    assert (ten.size, hundred.size) == (10_000, 2_000)  # a training file; a sample of one
    pixels = ten.pixels(range(100), (3, 32, 32))
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx([0.49, 0.48, 0.45], abs=0.05)


def test_an_image_folder(tmp_path: Path) -> None:
    for name, colour in (("b/1.png", (255, 0, 0)), ("a/2.jpg", (0, 255, 0)), ("a/1.bmp", (0, 0, 255))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 40), colour).save(tmp_path / name)
    (tmp_path / "a/notes.txt").write_text("no image")
    images = open_labelled(f"imagefolder:{tmp_path}", "test")
    assert images.size == 3
    pixels = images.pixels([0, 1, 2], (3, 28, 28))
    assert pixels.shape == (3, 3, 28, 28)
    assert torch.allclose(pixels[:, :, 14, 14], torch.tensor([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]]), atol=0.02)
    assert images.pixels([0], (1, 8, 16)).shape == (1, 1, 8, 16)


def test_the_centre_of_an_image_is_what_is_cropped(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = 255
    Image.fromarray(wide).save(tmp_path / "a/1.png")
    pixels = open_images(f"imagefolder:{tmp_path}").pixels([0], (3, 28, 28))
    assert (pixels > 0.9).float().mean() > 0.95


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cifar1:x", "data 'cifar1:x': is not known; did you mean 'cifar10'?; allowed: digits, cifar10:ROOT"),
        ("", "is not known; allowed:"),
        ("cifar10", "allowed: cifar10:ROOT"),
        ("cifar10:nowhere", "data cifar10:nowhere: holds no file of cifar-10-batches-py"),
        ("cifar100:nowhere", "any of train, test"),
        ("digits:x", "allowed: digits, without a folder"),
        ("imagefolder:nowhere", "is no folder"),
        ("imagefolder:empty", "holds no image; allowed: ROOT/CLASS/IMAGE"),
        ("fake:10x3x32", "allowed: fake:CLASSESxCxHxW"),
        ("fake:0x3x32x32", "allowed: fake:CLASSESxCxHxW"),
    ],
)
def test_wrong_specifications(spec: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty/class").mkdir(parents=True)
    with pytest.raises(DataError) as error:
        open_images(spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_images_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images are 1×8×8 .*; the model takes 3×32×32"):
        calibration_batch("digits", resnet20(), 1)
    with pytest.raises(DataError, match="2000 images are asked for; allowed: 1 to 1437"):
        calibration_batch("digits", digits_cnn(), 2000)
    with pytest.raises(DataError, match="give its input shape"):
        calibration_batch("digits", nn.Identity(), 1)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1\.png: cannot be read as an image"):
        calibration_batch(f"imagefolder:{tmp_path}", resnet20(), 1)
    with pytest.raises(DataError, match="an image has 1 or 3 channels; the model takes 4"):
        calibration_batch(f"imagefolder:{tmp_path}", nn.Identity(), 1, input_shape=(4, 8, 8))
