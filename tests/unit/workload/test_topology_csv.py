"""SCALE-Sim topology files: both forms, and what is refused with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import GemmLayer
from accel_sim.workload.topology_csv import read_topology_csv

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "net.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def gemms(path: Path, **options: int) -> list[GemmLayer]:
    layers = read_topology_csv(path, **options).layers
    assert all(isinstance(layer, GemmLayer) for layer in layers)
    return [layer for layer in layers if isinstance(layer, GemmLayer)]


def test_convolution_form(tmp_path: Path) -> None:
    path = write(tmp_path, CONV + "Conv1, 230, 224, 7, 5, 3, 64, 2,\n\nConv2, 3, 3, 3, 3, 64, 8, 1,\n")
    first, second = gemms(path, batch=2, a_bits=4, w_bits=3)
    # (230-7)//2+1 = 112 and (224-5)//2+1 = 110: rounded down
    assert (first.groups, first.m, first.n, first.k) == (1, 2 * 112 * 110, 64, 7 * 5 * 3)
    assert first.conv is not None
    assert (first.conv.out_h, first.conv.out_w, first.conv.in_channels, first.conv.batch) == (112, 110, 3, 2)
    assert (first.a_bits, first.w_bits, first.inputs) == (4, 3, ())
    assert (second.m, second.inputs) == (2, ("Conv1",))


def test_separate_strides_and_sparsity_column(tmp_path: Path) -> None:
    header = CONV.replace("Strides,", "Stride Height, Stride Width, Sparsity,")
    (layer,) = gemms(write(tmp_path, header + "c, 9, 9, 3, 3, 1, 1, 2, 3, 1:1,\n"))
    assert layer.conv is not None
    assert (layer.conv.out_h, layer.conv.out_w, layer.conv.stride_h, layer.conv.stride_w) == (4, 3, 2, 3)


def test_product_form_without_trailing_comma(tmp_path: Path) -> None:
    first, second = gemms(write(tmp_path, "Layer,M,N,K\r\na,4,5,6\r\na,7,8,9\r\n"))
    assert (first.op, first.m, first.n, first.k, first.conv) == ("gemm", 4, 5, 6, None)
    assert (second.name, second.inputs) == ("a_1", ("a",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            CONV + "a, 5, 5, 3, 3, 1, 1, 1,\nb, 5, 5, 3, 3, 1, 1, x,\n",
            r":3: Strides: holds 'x'; allowed: an integer from 1",
        ),
        (CONV + "a, 5, 5, 3, 3, 0, 1, 1,\n", r":2: Channels: holds '0'; allowed: an integer from 1"),
        (CONV + "a, 5, 5, 3, 3, -1, 1, 1,\n", r":2: Channels: holds '-1'"),
        (CONV + "a, 5, 5, 3, 3, 1.5, 1, 1,\n", r":2: Channels: holds '1.5'"),
        (CONV + "a, 5, 2, 3, 3, 1, 1, 1,\n", r":2: Filter Width: holds '3'; allowed: 1 to 2, the map's width"),
        (CONV + "a, 5, 5, 3, 3, 1, , 1,\n", r":2: Num Filter: holds ''"),
        (CONV + "a, 5, 5, 3, 3, 1, 1\n", r":2: Strides: is missing; the row has 7 cells"),
        (CONV + "a, 5, 5, 3, 3, 1, 1, 1, 9\n", r":2: row: holds '9' behind the last column"),
        (CONV + ", 5, 5, 3, 3, 1, 1, 1,\n", r":2: Layer Name: is empty"),
        (
            CONV.replace("Strides,", "Strides, Sparsity,") + "a, 5, 5, 3, 3, 1, 1, 1, 2:4,\n",
            r":2: Sparsity: holds '2:4'",
        ),
        (CONV.replace(" Channels,", "") + "a, 5, 5, 3, 3, 1, 1\n", r":1: header: column 'Channels' is missing"),
        ("Layer, M, N,\na, 1, 2\n", r":1: header: column 'K' is missing"),
        ("Layer, M, N, K, Colour\na, 1, 2, 3, red\n", r":1: header: column 'Colour' is not known"),
        ("Layer, M, M, N, K\na, 1, 2, 3, 4\n", r":1: header: column 'M' stands there twice"),
        (CONV, r"has a header but no layer"),
        ("", r"is empty"),
        (" \n\n", r"is empty"),
        (b"\x89PNG\xff\xfe\x00", r"is not text"),
        (b"a,b\x00c\n", r"is not text"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(WorkloadError, match=message) as caught:
        read_topology_csv(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="no such topology file"):
        read_topology_csv(tmp_path / "no.csv")
    with pytest.raises(WorkloadError, match="allowed: a SCALE-Sim topology"):
        read_topology_csv(tmp_path)
