"""Experiments of papers, rebuilt; what they claim stands in :mod:`tests.validation.claims`. Nothing is tuned.

Each experiment builds what a paper compares (same multipliers per cycle, same precisions, its node) from this project's
machines with the shipped tables, and gives the ratio that the paper prints. Claims are from abstracts unless marked.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim import GemmLayer, Hardware, Result, Workload, gemm, load_hardware, simulate
from accel_sim.energy.area import area_breakdown
from accel_sim.energy.model import energy_model
from accel_sim.iso_area import at_area
from compress.load import DataRequest, load_workload
from tests.shared_files import shared_root

__all__ = [
    "bitfusion_against",
    "eyeriss_costs",
    "geomean",
    "loom_energy",
    "loom_speed",
    "pragmatic_energy",
    "pragmatic_speed",
    "s2ta_energy",
    "s2ta_speed",
    "stripes_area",
    "stripes_energy",
    "stripes_speed",
    "tpu_v1_tops_per_w",
    "unpu_pe_saving",
    "unpu_tops_per_w",
]

STRIPES_BITS = {
    "alexnet": (9, 8, 5, 5, 7),
    "vgg19": (12, 12, 12, 11, 12, 10, 11, 11, 13, 12, 13, 13, 13, 13, 13, 13),
}
"""Activation bits per convolution at full accuracy, Stripes (MICRO 2016), table of precisions, recalled."""
LOOM_WEIGHT_BITS = {"alexnet": 11, "vgg19": 12}
"""Weight bits of all convolutions, Loom (DAC 2018), table of precisions, recalled."""
LENET = (("conv1", 576, 20, 25, 3), ("conv2", 64, 50, 500, 3))
"""LeNet: name, m, n, k, activation bits (as above)."""

_FREE = {"buffers.unlimited_ports": True, "buffers.unlimited_capacity": True, "dram.part": "ideal"}
_TILE_16 = {"technology.node_nm": 65, "technology.voltage_v": 1.0, "technology.clock_mhz": 980, "array.native_bits": 16}


def geomean(values: Sequence[float]) -> float:
    """Geometric mean."""
    return exp(sum(map(log, values)) / len(values))


@cache
def _convolutions(name: str) -> tuple[GemmLayer, ...]:
    layers = load_workload(f"torchvision:{name}").layers
    return tuple(layer for layer in layers if isinstance(layer, GemmLayer) and layer.op == "conv2d")


def _alone(layers: Sequence[GemmLayer], a_bits: Sequence[int], w_bits: int) -> Workload:
    """Layers that read from DRAM, one after another, at these widths."""
    named = [replace(layer, inputs=(), a_bits=bits, w_bits=w_bits) for layer, bits in zip(layers, a_bits, strict=True)]
    return Workload("convolutions", tuple(named))


def _stripes_network(name: str, *, serial: bool, w_bits: int = 16) -> Workload:
    if name == "lenet":
        layers = [GemmLayer(label, "conv2d", 1, m, n, k) for label, m, n, k, _ in LENET]
        bits = [row[-1] if serial else 16 for row in LENET]
        return _alone(layers, bits, w_bits)
    published = STRIPES_BITS[name]
    return _alone(_convolutions(name), published if serial else [16] * len(published), w_bits)


def _dadiannao_like(rows: int, cols: int, arithmetic: str, **fields: Any) -> Hardware:
    """Rows of windows × columns of filters, inner products of 16; what an engine of DaDiannao's tiles multiplies.

    A memory of 2 MiB for the weights of 16 filters, read in wide rows beside them, and 4 MiB for activations.
    """
    shape = {"array.rows": rows, "array.cols": cols, "array.lanes": 16, "array.dataflow": "os"}
    tiles = max(1, cols // 16)
    memory = {
        "buffers.activations.kib": 4096,
        "buffers.activations.word_bits": 256,
        "buffers.activations.banks": 32,
        "buffers.weights.kib": 2048 * tiles,
        "buffers.weights.word_bits": 512,
        "buffers.weights.banks": 32 * tiles,
        "buffers.outputs.kib": 16 * tiles,
    }
    settings = {**_TILE_16, **_FREE, **shape, **memory, "array.arithmetic": arithmetic}
    settings |= {"array.fold_overlap": "full", "array.edge_folds": "used"}
    return load_hardware("stripes_like", settings | fields)


def _on_chip_pj(result: Result) -> float:
    return result.total.energy_pj.total - result.total.energy_pj.dram


@cache
def _stripes(name: str) -> tuple[Result, Result]:
    base = simulate(_stripes_network(name, serial=False), _dadiannao_like(1, 256, "parallel"))
    return base, simulate(_stripes_network(name, serial=True), _dadiannao_like(16, 256, "serial_act"))


def _speed(pair: tuple[Result, Result]) -> float:
    return pair[0].total.cycles.total / pair[1].total.cycles.total


def _saving(pair: tuple[Result, Result]) -> float:
    return _on_chip_pj(pair[0]) / _on_chip_pj(pair[1])


def stripes_speed(name: str) -> float:
    """Against the bit-parallel engine."""
    return _speed(_stripes(name))


def stripes_energy() -> float:
    """Energy of the bit-parallel engine over Stripes', without DRAM."""
    return geomean([_saving(_stripes(name)) for name in STRIPES_BITS])


def stripes_area() -> float:
    """Area of Stripes over that of the bit-parallel engine, memories included."""
    areas = [area_breakdown(_dadiannao_like(*of)).total for of in ((16, 256, "serial_act"), (1, 256, "parallel"))]
    return areas[0] / areas[1]


@cache
def _loom(name: str) -> tuple[Result, Result]:
    """128 multiplications of 16 bits a cycle, and 2,048 serial inner products."""
    w_bits = LOOM_WEIGHT_BITS[name]
    base = simulate(_stripes_network(name, serial=False), _dadiannao_like(1, 8, "parallel"))
    return base, simulate(_stripes_network(name, serial=True, w_bits=w_bits), _dadiannao_like(16, 128, "serial_both"))


def loom_speed() -> float:
    """Over AlexNet and VGG-19, convolutions."""
    return geomean([_speed(_loom(name)) for name in LOOM_WEIGHT_BITS])


def loom_energy() -> float:
    """Over AlexNet and VGG-19, convolutions, without DRAM."""
    return geomean([_saving(_loom(name)) for name in LOOM_WEIGHT_BITS])


@cache
def _pragmatic() -> tuple[Result, Result]:
    """ResNet-20 with its weights and an image; activations trimmed to 9 of 16 bits, as the paper's software does."""
    data = shared_root() / "data"
    request = DataRequest(f"cifar10:{data / 'cifar'}", images=1)
    work = load_workload(
        "compress.models:resnet20",
        weights=data / "weights" / "cifar10" / "resnet20.pth",
        data=request,
        a_bits=9,
        w_bits=16,
    )
    base = simulate(work, _dadiannao_like(1, 16, "parallel"))  # one tile: the network has 16 to 64 filters
    serial = _dadiannao_like(16, 16, "term_serial_act", **{"array.term_window": 2})
    return base, simulate(work, serial)


def pragmatic_speed() -> float:
    """Against the bit-parallel engine."""
    return _speed(_pragmatic())


def pragmatic_energy() -> float:
    """Energy of the bit-parallel engine over Pragmatic's, without DRAM."""
    return _saving(_pragmatic())


@cache
def _bitfusion_networks(path: Path) -> dict[str, Workload]:
    layers: dict[str, list[GemmLayer]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            m = int(row["batch"]) * int(row["O"]) ** 2
            k = int(row["K"]) ** 2 * int(row["IC"])
            layer = GemmLayer(
                row["layer"], "gemm", 1, m, int(row["OC"]), k, a_bits=int(row["act_bits"]), w_bits=int(row["wgt_bits"])
            )
            layers.setdefault(row["network"], []).append(layer)
    return {name: Workload(name, tuple(of)) for name, of in layers.items() if "wide" not in name}


@cache
def bitfusion_against(other: str) -> tuple[float, float]:
    """Speed and energy of BitFusion over another machine of the same area, geometric means over the networks."""
    ours = load_hardware("bitfusion_like")
    area_mm2 = area_breakdown(ours).total
    memory = {name: getattr(ours.buffers, name).kib for name in ("activations", "weights", "outputs")}
    fields: dict[str, Any] = {f"buffers.{name}.kib": kib for name, kib in memory.items()} | {"dram.channels": 1}
    if other == "eyeriss":
        rival = load_hardware("dense_int8_16x16", fields | {"array.native_bits": 16})
    else:
        rival = load_hardware("stripes_like", fields | {"array.native_bits": 16})  # its weights have 16 bits
    rival = at_area(rival, area_mm2)
    speeds, savings = [], []
    for name, work in _bitfusion_networks(shared_root() / "golden" / "bitfusion_layers.csv").items():
        fixed = {"w_bits": 16} | ({"a_bits": 16} if other == "eyeriss" else {})
        theirs = Workload(name, tuple(replace(layer, **fixed) for layer in work.layers if isinstance(layer, GemmLayer)))
        here, there = simulate(work, ours).total, simulate(theirs, rival).total
        speeds.append(there.cycles.total / here.cycles.total)
        savings.append(there.energy_j / here.energy_j)
    return geomean(speeds), geomean(savings)


def unpu_tops_per_w(w_bits: int, voltage_v: float = 1.1, clock_mhz: float = 200) -> float:
    """Operations per picojoule on chip, of a product that fills the array; logic and SRAMs share the supply."""
    supply = {"technology.voltage_v": voltage_v, "technology.sram_voltage_v": voltage_v}
    point = supply | {"technology.clock_mhz": clock_mhz}
    hardware = load_hardware("unpu_like", _FREE | point)
    result = simulate(gemm(36 * 40, 4096, 24 * 16 * 40, a_bits=16, w_bits=w_bits), hardware)
    return 2 * result.total.macs.total / _on_chip_pj(result)


def unpu_pe_saving(w_bits: int) -> float:
    """Energy of a multiply-accumulate in the serial PE over that in a fixed 16-bit PE, percent less."""
    serial = load_hardware("unpu_like")
    fixed = load_hardware("unpu_like", {"array.arithmetic": "parallel"})
    prices = []
    for hardware, beat in ((serial, w_bits), (fixed, 1)):
        price = energy_model(hardware, 0.0).lanes.at(16, w_bits)
        prices.append(beat * price.multiply_pj + price.accumulate_pj)
    return 100 * (1 - prices[0] / prices[1])


def tpu_v1_tops_per_w() -> float:
    """At full load, without DRAM."""
    result = simulate(gemm(8192, 4096, 4096), load_hardware("tpu_v1_like", _FREE))
    return 2 * result.total.macs.total / _on_chip_pj(result)


@cache
def eyeriss_costs() -> Mapping[str, float]:
    """16 bits at 65 nm over a multiply-accumulate of 16 bits; a buffer of 100 KiB."""
    fields = {"technology.node_nm": 65, "technology.voltage_v": 1.0, "array.native_bits": 16}
    memory = {"buffers.activations.kib": 100, "buffers.activations.word_bits": 64, "buffers.activations.banks": 25}
    hardware = load_hardware("dense_int8_16x16", {**fields, **memory})
    model = energy_model(hardware, 8.0)
    price = model.lanes.at(16, 16)
    alu = price.multiply_pj + price.accumulate_pj
    return {
        "register file": 16 * 2 * model.register_pj_per_bit / alu,
        "neighbour PE": 16 * 2 * model.register_pj_per_bit / alu,
        "buffer": model.activations_sram.read_pj / 4 / alu,
        "DRAM": 16 * model.dram_pj_per_bit / alu,
    }


@cache
def _s2ta() -> tuple[Result, Result]:
    """Weights of 4 in 8, half of the activations zero, against an array that gates zeros."""
    rng = np.random.default_rng(0)
    m, n, k = 784, 256, 1152
    weights = rng.integers(-127, 128, (k // 8, 8, n))
    weights[:, 4:] = 0
    activations = rng.integers(0, 256, (m, k)) * rng.integers(0, 2, (m, k))
    layer = GemmLayer("conv", "conv2d", 1, m, n, k, weights=weights.reshape(1, k, n), activations=activations[None])
    gates = {"array.weight_sparsity": "gate", "array.activation_sparsity": "gate"}
    base = simulate(Workload("one", (layer,)), load_hardware("dense_int8_32x32_os", gates))
    return base, simulate(Workload("one", (layer,)), load_hardware("s2ta_like"))


def s2ta_speed() -> float:
    """Of the array with the pattern over one that gates zeros."""
    return _speed(_s2ta())


def s2ta_energy() -> float:
    """Energy of the gating array over the other's, without DRAM."""
    return _saving(_s2ta())
