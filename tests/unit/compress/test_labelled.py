"""Splits and samples: disjoint, balanced, the same every time; and what is wrong with files of photographs."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from accel_sim.errors import DataError
from compress.data import LabelledImages, Split, open_labelled
from compress.data.images import Part
from compress.data.labelled import split_of
from compress.models import resnet8, resnet20
from tests.shared_files import shared_path


class Numbered:
    """Images whose only pixel is their number."""

    def __init__(self, size: int) -> None:
        self.size = size

    def pixels(self, indices: Sequence[int], shape: tuple[int, int, int]) -> Tensor:
        return torch.tensor(indices, dtype=torch.float32).reshape(-1, 1, 1, 1)


class Data:
    """A data set of numbered images."""

    def __init__(self, labels: Sequence[int], training: int, classes: int = 4) -> None:
        self.classes = classes
        self._labels, self._training = np.array(labels, dtype=np.int64), training

    def training(self) -> Part | None:
        return Part(Numbered(self._training), np.zeros(self._training, np.int64)) if self._training else None

    def test(self) -> Part:
        return Part(Numbered(len(self._labels)), self._labels)


def numbers(images: LabelledImages) -> list[int]:
    return images.pixels(range(images.size), (1, 1, 1)).flatten().int().tolist()


def test_the_splits() -> None:
    data = Data([0, 1, 2, 3, 0, 1, 2], training=5)
    splits = {split: split_of(data, "numbered", split) for split in Split}
    assert numbers(splits[Split.TEST]) == list(range(7))
    assert numbers(splits[Split.SEARCH]) == [0, 2, 4, 6]
    assert numbers(splits[Split.REPORT]) == [1, 3, 5]
    assert splits[Split.REPORT].labels.tolist() == [1, 3, 1]
    assert numbers(splits[Split.CALIBRATION]) == list(range(5))
    without = split_of(Data([0, 1, 2, 3], training=0), "numbered", Split.CALIBRATION)
    assert numbers(without) == [0, 2]
    with pytest.raises(DataError, match="data x: has no image in the split report; it has 1 in all"):
        split_of(Data([0], training=0), "x", Split.REPORT)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data(), st.integers(0, 5))
def test_stratified_samples_are_as_even_as_they_can_be(labels: list[int], data: st.DataObject, seed: int) -> None:
    images = split_of(Data(labels, training=0), "numbered", Split.TEST)
    count = data.draw(st.integers(1, len(labels)))
    sample = images.stratified(count, seed)
    chosen = numbers(sample)
    assert len(set(chosen)) == len(chosen) == count
    assert sample.labels.tolist() == [labels[number] for number in chosen]
    taken, available = Counter(sample.labels.tolist()), Counter(labels)
    for one in available:  # no class may have two fewer than another unless it has no more to give
        assert all(taken[one] >= taken[other] - 1 or taken[one] == available[one] for other in available)
    assert chosen == numbers(images.stratified(count, seed))
    assert chosen == numbers(images.stratified(len(labels), seed))[:count]


def test_samples_depend_on_the_seed() -> None:
    images = split_of(Data([0, 1] * 50, training=0), "numbered", Split.TEST)
    for draw in (images.stratified, images.sample):
        assert numbers(draw(20, seed=1)) != numbers(draw(20, seed=2))
        assert numbers(draw(20, seed=1)) == numbers(draw(20, seed=1))
        with pytest.raises(DataError, match="data numbered: 101 images are asked for; allowed: 1 to 100"):
            draw(101)


def test_batches_are_the_inputs_in_order() -> None:
    images = open_labelled("fake:10x3x32x32", "search").take(range(5))
    batches = list(images.batches(resnet20(), 2))
    assert [len(labels) for _, labels in batches] == [2, 2, 1]
    assert torch.equal(torch.cat([inputs for inputs, _ in batches]), images.inputs(resnet20()))
    assert torch.equal(torch.cat([labels for _, labels in batches]), images.labels)
    raw = images.inputs(resnet8(), [3])
    assert torch.allclose(raw, images.pixels([3], (3, 32, 32)) * 255)


@pytest.mark.parametrize("spec", ["digits", "fake:10x1x8x8", "cifar10", "cifar100", "imagenet-compat"])
def test_the_report_shares_no_image_with_the_others(spec: str) -> None:
    if not spec.startswith(("digits", "fake")):
        spec = f"{spec}:{shared_path('data/imagenet-compat' if spec.startswith('imagenet') else 'data/cifar')}"
    shape = (3, 64, 64) if spec.startswith("imagenet") else (3, 32, 32)
    few = {split: open_labelled(spec, split).stratified(40, seed=3) for split in Split}
    seen = {split: {image.numpy().tobytes() for image in part.pixels(range(40), shape)} for split, part in few.items()}
    assert not seen[Split.REPORT] & (seen[Split.SEARCH] | seen[Split.CALIBRATION])
    whole = {split: set(open_labelled(spec, split).indices.tolist()) for split in (Split.SEARCH, Split.REPORT)}
    assert not whole[Split.SEARCH] & whole[Split.REPORT]
    assert len(Counter(few[Split.REPORT].labels.tolist())) == (10 if few[Split.REPORT].classes == 10 else 40)


def test_splits_of_the_official_files() -> None:
    root = shared_path("data/cifar")
    report = open_labelled(f"cifar100:{root}")
    assert (report.size, report.classes, report.split) == (5000, 100, "report")
    calibration = open_labelled(f"cifar100:{root}", "calibration")
    assert Counter(calibration.labels.tolist()) == dict.fromkeys(range(100), 20)
    assert Counter(open_labelled(f"cifar10:{root}", "test").labels.tolist()) == dict.fromkeys(range(10), 1000)
    ten = open_labelled(f"cifar10:{root}", "report").stratified(1000)
    assert Counter(ten.labels.tolist()) == dict.fromkeys(range(10), 100)
    photographs = [open_labelled(f"imagenet-compat:{root.parent / 'imagenet-compat'}", split).size for split in Split]
    assert photographs == [456, 456, 455, 911]


def test_an_unknown_split() -> None:
    with pytest.raises(DataError, match="split 'train' is not known; allowed: calibration, search, report, test"):
        open_labelled("digits", "train")


def test_train_and_val_folders(tmp_path: Path) -> None:
    for name in ("train/b/1.png", "train/a/1.png", "val/b/2.png", "val/b/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    assert open_labelled(f"imagefolder:{tmp_path}", "calibration").labels.tolist() == [0, 1]
    assert open_labelled(f"imagefolder:{tmp_path}", "test").labels.tolist() == [1, 1]


COLOURS = {"x": (250, 10, 10), "y": (10, 250, 10), "z": (10, 10, 250)}


def photograph(colour: tuple[int, int, int]) -> bytes:
    """64×64, the central 32×32 in one colour and black around."""
    image, file = Image.new("RGB", (64, 64)), io.BytesIO()
    image.paste(colour, (16, 16, 48, 48))
    image.save(file, "png")
    return file.getvalue()


def write_photographs(root: Path, *, tar: bool = True) -> Path:
    rows = "".join(f"{name},{label},someone\n" for name, label in (("y", 7), ("x", 999), ("z", 0)))
    (root / "labels.csv").write_text("image_id,class_index_0_999,author\n" + rows)
    if not tar:
        for name, colour in COLOURS.items():
            (root / f"{name}.png").write_bytes(photograph(colour))
        return root
    with tarfile.open(root / "images.tar", "w") as archive:
        for name, colour in COLOURS.items():
            content = photograph(colour)
            member = tarfile.TarInfo(f"some/folder/{name}.png")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return root


@pytest.mark.parametrize("tar", [True, False])
def test_photographs(tmp_path: Path, tar: bool) -> None:
    root = write_photographs(tmp_path, tar=tar)
    images = open_labelled(f"imagenet-compat:{root}", "test")
    assert (images.labels.tolist(), images.classes) == ([7, 999, 0], 1000)
    scaled = images.pixels([0, 1, 2], (3, 32, 32))
    cropped = open_labelled(f"imagenet-compat-crop:{root}", "test").pixels([0, 1, 2], (3, 32, 32))
    for index, name in enumerate("yxz"):
        colour = torch.tensor(COLOURS[name]) / 255
        assert torch.equal(cropped[index], colour[:, None, None].expand(3, 32, 32))
        assert torch.allclose(scaled[index, :, 16, 16], colour)
        assert scaled[index, :, :4].max() == 0
    assert not list(tmp_path.rglob("some"))
    assert torch.equal(images.pixels([2], (3, 32, 32))[0], scaled[2])  # from memory
    with pytest.raises(DataError, match="an image of 64×64 pixels holds no 80×80"):
        open_labelled(f"imagenet-compat-crop:{root}", "test").pixels([0], (3, 80, 80))


def cut(path: Path, keep: Callable[[bytes], bytes]) -> None:
    path.write_bytes(keep(path.read_bytes()))


def relabel(root: Path, text: str) -> None:
    (root / "labels.csv").write_text(text)


HEADER = "image_id,class_index_0_999\n"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "labels.csv").unlink(), "holds no CSV file of labels; allowed: one with the columns"),
        (lambda root: (root / "more.csv").touch(), "holds 2 csv files (labels.csv, more.csv); allowed: one"),
        (lambda root: relabel(root, "image,label\n"), "labels.csv:1: lacks the column 'image_id'"),
        (lambda root: relabel(root, HEADER), "labels.csv: lists no image"),
        (lambda root: relabel(root, HEADER + "x,1\ny,1000\n"), "labels.csv:3: class_index_0_999 is '1000'; allowed:"),
        (lambda root: relabel(root, HEADER + "x,-1\n"), "labels.csv:2: class_index_0_999 is '-1'; allowed:"),
        (lambda root: relabel(root, HEADER + "x\n"), "labels.csv:2: class_index_0_999 is ''"),
        (lambda root: relabel(root, HEADER + "x,1\nx,2\n"), "labels.csv:3: image_id is 'x'; allowed: a name that no"),
        (lambda root: relabel(root, HEADER + "w,1\nv,2\n"), "images.tar: lacks image 'w' and 1 more that"),
        (lambda root: (root / "labels.csv").write_bytes(b"\xff\xfe"), "labels.csv: cannot be read as a CSV file"),
        (lambda root: cut(root / "images.tar", lambda data: data[:700]), "images.tar"),
        (lambda root: cut(root / "images.tar", lambda data: b"no tar" * 300), "images.tar: cannot be read as a tar"),
        (lambda root: cut(root / "images.tar", lambda data: data.replace(b"IDAT", b"IDAX")), "cannot be read as an im"),
    ],
)
def test_damaged_photographs(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(write_photographs(tmp_path))
    with pytest.raises(DataError) as error:
        open_labelled(f"imagenet-compat:{tmp_path}", "test").pixels([0], (3, 8, 8))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((2, 32, 32, 3), np.uint8)}, "lacks an array; allowed: images and fine_labels"),
        ({"images": np.zeros((2, 3, 32, 32), np.uint8), "fine_labels": np.zeros(2, int)}, "allowed: uint8 (n, 32, 32"),
        (
            {"images": np.zeros((2, 32, 32, 3), np.uint8), "fine_labels": np.array([0, 100])},
            "allowed: one integer of 0",
        ),
        ({"images": np.zeros((2, 32, 32, 3), np.uint8), "fine_labels": np.zeros(1, int)}, "fine_labels do not fit"),
        ({"images": np.array([None]), "fine_labels": np.zeros(1, int)}, "cannot be read as arrays (ValueError)"),
        (None, "cannot be read as arrays"),
    ],
)
def test_a_damaged_training_sample(tmp_path: Path, arrays: dict[str, object] | None, message: str) -> None:
    path = tmp_path / "cifar100_train_subset_2000.npz"
    (tmp_path / "test").touch()  # so that the folder is one of CIFAR-100
    if arrays is None:
        np.savez(path, images=np.zeros((2, 32, 32, 3), np.uint8))
        path.write_bytes(path.read_bytes()[:3000])
    else:
        np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError) as error:
        open_labelled(f"cifar100:{tmp_path}", "calibration")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
