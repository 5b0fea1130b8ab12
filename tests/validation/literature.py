"""Published results next to ours, paper by paper; nothing is tuned to any of them.

Each experiment builds what a paper compares (same multipliers per cycle, same precisions, its node) from this project's
machines with the shipped tables, and gives the ratio that the paper prints. Claims are from abstracts unless marked.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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

__all__ = ["CLAIMS", "FAR", "Claim"]

FAR = 0.25
"""A ratio further from 1 than this needs a reason."""

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


@dataclass(frozen=True)
class Claim:
    """One published figure.

    Attributes:
        theirs: the paper's figure.
        ours: gives this project's.
        why: where the two are far apart, the reason; empty where they are not.
    """

    paper: str
    what: str
    theirs: float
    ours: Callable[[], float]
    why: str = ""


def _geomean(values: Sequence[float]) -> float:
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
    return _geomean([_saving(_stripes(name)) for name in STRIPES_BITS])


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
    return _geomean([_speed(_loom(name)) for name in LOOM_WEIGHT_BITS])


def loom_energy() -> float:
    """Over AlexNet and VGG-19, convolutions, without DRAM."""
    return _geomean([_saving(_loom(name)) for name in LOOM_WEIGHT_BITS])


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
def _bitfusion_against(other: str) -> tuple[float, float]:
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
    return _geomean(speeds), _geomean(savings)


def unpu_tops_per_w(w_bits: int, voltage_v: float = 1.1, clock_mhz: float = 200) -> float:
    """Operations per picojoule on chip, of a product that fills the array."""
    point = {"technology.voltage_v": voltage_v, "technology.clock_mhz": clock_mhz}
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
def _eyeriss_costs() -> Mapping[str, float]:
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


_SRAM = (
    "a memory of 32 MiB read for every window is most of our baseline's energy, and SRAM where theirs is eDRAM beside"
    " the multipliers; without that memory the ratio is 1.1, theirs lies between"
)
_SERIAL_PE = (
    "UNPU's PE looks groups of weight bits up in a table that lanes share; ours adds bit by bit, with an adder tree and"
    " an accumulator clocked in every cycle, and its fixed multiplier is a cheap one (Horowitz)"
)
_LEAKY = "our leakage hardly falls with the supply; at 5 MHz it is 93 % of the energy"
_SCRATCHPAD = (
    "ours is a pipeline register of flip-flops, theirs a scratchpad of 0.5 KiB per PE, of which there is none here"
)

CLAIMS: tuple[Claim, ...] = (
    Claim("Stripes, MICRO 2016", "speed, VGG-19 (their least)", 1.30, lambda: stripes_speed("vgg19")),
    Claim(
        "Stripes, MICRO 2016",
        "speed, LeNet (their most)",
        4.51,
        lambda: stripes_speed("lenet"),
        "folds of 2 and 32 steps: a systolic array of 16×256 fills and drains longer than it works; Stripes broadcasts",
    ),
    Claim(
        "Stripes, MICRO 2016",
        "speed, mean (ours: AlexNet, VGG-19, LeNet)",
        1.92,
        lambda: _geomean([stripes_speed(name) for name in ("alexnet", "vgg19", "lenet")]),
    ),
    Claim("Stripes, MICRO 2016", "energy, without DRAM", 1.57, stripes_energy, _SRAM),
    Claim("Stripes, MICRO 2016", "area", 1.32, stripes_area),
    Claim(
        "Loom, DAC 2018",
        "speed (ours: convolutions of AlexNet, VGG-19)",
        4.38,
        loom_speed,
        "two of its six networks, VGG-19 with 12 × 12 bits among them (at best 256/144 = 1.8); theirs also shortens"
        " precisions per group of activations",
    ),
    Claim("Loom, DAC 2018", "energy, without DRAM", 3.54, loom_energy),
    Claim("Pragmatic, MICRO 2017", "speed, 2.6 to 3.1 (ours: ResNet-20)", 2.85, pragmatic_speed),
    Claim("Pragmatic, MICRO 2017", "energy, without DRAM", 1.28, pragmatic_energy, _SRAM),
    Claim("Bit Fusion, ISCA 2018", "speed over Stripes, equal area", 2.6, lambda: _bitfusion_against("stripes")[0]),
    Claim("Bit Fusion, ISCA 2018", "energy over Stripes", 3.9, lambda: _bitfusion_against("stripes")[1]),
    Claim(
        "Bit Fusion, ISCA 2018",
        "speed over Eyeriss, equal area",
        3.9,
        lambda: _bitfusion_against("eyeriss")[0],
        "a systolic array of 16 bits stands for Eyeriss: it stalls a quarter of the time for want of bandwidth and"
        " ports, and 2-bit networks gain the most (SVHN 13.6×, RNN 2.3×)",
    ),
    Claim(
        "Bit Fusion, ISCA 2018",
        "energy over Eyeriss",
        5.1,
        lambda: _bitfusion_against("eyeriss")[1],
        "as above; DRAM is two thirds of both, and moves 8 times the bits at 16 bits",
    ),
    Claim(
        "UNPU, ISSCC 2018 (silicon)",
        "TOPS/W, 16 bit, 1.1 V, 200 MHz (recalled)",
        1.16,
        lambda: unpu_tops_per_w(16),
        _SERIAL_PE,
    ),
    Claim(
        "UNPU, ISSCC 2018 (silicon)",
        "TOPS/W, 16 bit, 0.63 V, 5 MHz",
        3.08,
        lambda: unpu_tops_per_w(16, 0.63, 5),
        _LEAKY,
    ),
    Claim(
        "UNPU, ISSCC 2018 (silicon)", "TOPS/W, 1 bit, 0.63 V, 5 MHz", 50.6, lambda: unpu_tops_per_w(1, 0.63, 5), _LEAKY
    ),
    Claim("UNPU, ISSCC 2018", "PE energy saved, 16 bit, %", 23, lambda: unpu_pe_saving(16), _SERIAL_PE),
    Claim("UNPU, ISSCC 2018", "PE energy saved, 4 bit, %", 41, lambda: unpu_pe_saving(4), _SERIAL_PE),
    Claim(
        "TPU v1, ISCA 2017 (silicon)",
        "TOPS/W at full load (recalled)",
        2.3,
        tpu_v1_tops_per_w,
        "clock tree, control, host and DRAM interfaces are in their 40 W and not in ours",
    ),
    Claim(
        "Eyeriss, ISCA 2016 (recalled)",
        "register file / ALU",
        1,
        lambda: _eyeriss_costs()["register file"],
        _SCRATCHPAD,
    ),
    Claim(
        "Eyeriss, ISCA 2016 (recalled)",
        "neighbour PE / ALU",
        2,
        lambda: _eyeriss_costs()["neighbour PE"],
        "a hop is a register here, without the wire and the FIFO between PEs that Eyeriss's network has",
    ),
    Claim("Eyeriss, ISCA 2016 (recalled)", "buffer / ALU", 6, lambda: _eyeriss_costs()["buffer"]),
    Claim(
        "Eyeriss, ISCA 2016 (recalled)",
        "DRAM / ALU",
        200,
        lambda: _eyeriss_costs()["DRAM"],
        "LPDDR4 at 8 pJ/bit; with 20, the top of its range, 189",
    ),
    Claim("S2TA, HPCA 2022", "speed over a gated array", 2.0, lambda: _speed(_s2ta())),
    Claim(
        "S2TA, HPCA 2022",
        "energy over a gated array",
        2.0,
        lambda: _saving(_s2ta()),
        "weights alone have a pattern here (S2TA-W); the full S2TA bounds activations as well and shares operands among"
        " the multipliers of a larger PE",
    ),
)


def claims_table() -> list[tuple[str, ...]]:
    """Paper, figure, theirs, ours, ratio, and why they differ."""
    rows = []
    for claim in CLAIMS:
        ours = claim.ours()
        rows.append(
            (claim.paper, claim.what, f"{claim.theirs:g}", f"{ours:.3g}", f"{ours / claim.theirs:.2f}", claim.why)
        )
    return rows
