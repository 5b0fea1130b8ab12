"""Made-up results with the shapes of real networks, for pictures and tables: plausible, not simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accel_sim.counts import ArrayCounts, LayerActions
from accel_sim.result import (
    CycleCounts,
    DramCounts,
    EnergyBreakdown,
    LayerResult,
    MacCounts,
    Result,
    SramCounts,
    SramTraffic,
    TotalResult,
    sum_fields,
)

CLOCK_MHZ = 500.0
DRAM_BYTES_PER_CYCLE = 25.6


def array_layer(
    name: str, m: int, n: int, k: int, *, groups: int = 1, op: str = "conv2d", size: int = 32, dram_factor: float = 1.0
) -> LayerResult:
    """A GEMM on a ``size × size`` weight-stationary array: folds counted, traffic once per operand and fold."""
    k_folds, n_folds = -(-k // size), -(-n // size)
    macs = groups * m * n * k
    compute = groups * k_folds * n_folds * (m + 2 * size)
    dram_bytes = int(groups * (m * k / 4 * n_folds**0.5 + k * n + m * n) * dram_factor)
    stall = max(0, int(dram_bytes / DRAM_BYTES_PER_CYCLE) - compute) + compute // 50
    sram = groups * m * k * n_folds
    return LayerResult(
        name=name,
        op=op,
        groups=groups,
        m=m,
        n=n,
        k=k,
        a_bits=8,
        w_bits=8,
        a_signed=False,
        w_signed=True,
        cycles=CycleCounts(compute + stall, compute, stall),
        utilization=macs / ((compute + stall) * size * size),
        macs=MacCounts(macs, macs),
        sram=SramCounts(SramTraffic(sram, m * k), SramTraffic(k * n, k * n), SramTraffic(m * n, m * n)),
        dram=DramCounts(dram_bytes * 3 // 4, dram_bytes // 4, 10, 5, 5, 1),
        energy_pj=EnergyBreakdown(
            multiply=0.2 * macs,
            accumulate=0.1 * macs,
            registers=0.25 * macs,
            activations_sram=1.1 * sram,
            weights_sram=3.0 * groups * k * n,
            outputs_sram=4.0 * groups * m * n * k_folds,
            dram=64.0 * dram_bytes,
            leakage=0.6 * (compute + stall),
        ),
        actions=LayerActions(8, 8, ArrayCounts(), SramCounts(), DramCounts(), 0, compute + stall),
    )


def vector_layer(name: str, op: str, elements: int) -> LayerResult:
    """An operation of the vector unit, hidden behind the array."""
    return LayerResult(
        name=name,
        op=op,
        groups=0,
        m=0,
        n=0,
        k=0,
        a_bits=8,
        w_bits=8,
        a_signed=False,
        w_signed=True,
        cycles=CycleCounts(),
        utilization=0.0,
        macs=MacCounts(),
        sram=SramCounts(),
        dram=DramCounts(read_bytes=elements),
        energy_pj=EnergyBreakdown(vector_unit=0.5 * elements, dram=64.0 * elements / 4),
        actions=LayerActions(8, 8, ArrayCounts(), SramCounts(), DramCounts(), elements, 0),
    )


def result_of(
    model: str, layers: Sequence[LayerResult], *, machine: str = "dense_int8_32x32", size: int = 32
) -> Result:
    """A whole result: the total is the sum of the layers."""
    cycles = sum_fields(CycleCounts, (layer.cycles for layer in layers))
    macs = sum_fields(MacCounts, (layer.macs for layer in layers))
    total = TotalResult(
        cycles=cycles,
        utilization=macs.total / (cycles.total * size * size) if cycles.total else 0.0,
        macs=macs,
        sram=SramCounts(
            *(
                sum_fields(SramTraffic, (getattr(layer.sram, part) for layer in layers))
                for part in ("activations", "weights", "outputs")
            )
        ),
        dram=sum_fields(DramCounts, (layer.dram for layer in layers)),
        energy_pj=sum_fields(EnergyBreakdown, (layer.energy_pj for layer in layers)),
        latency_s=cycles.total / (CLOCK_MHZ * 1e6),
        area_mm2=1.2 + 0.002 * size * size,
        areas_mm2={"pe_arithmetic": 0.002 * size * size, "activations_sram": 0.8, "weights_sram": 0.4},
    )
    hardware = {"name": machine, "technology": {"clock_mhz": CLOCK_MHZ}}
    return Result(model, "fast", "0.1.0", hardware, "0123456789abcdef", 0, tuple(layers), total)


def resnet50(size: int = 32, machine: str = "dense_int8_32x32") -> Result:
    """53 convolutions, a linear layer and the vector-unit operations between them."""
    layers = [
        array_layer("conv1", 112 * 112, 64, 147, size=size),
        vector_layer("maxpool", "max_pool2d", 56 * 56 * 64 * 9),
    ]
    width, blocks = 64, (3, 4, 6, 3)
    channels = 64
    for stage, count in enumerate(blocks, start=1):
        side = 56 >> (stage - 1)
        for block in range(count):
            base = f"layer{stage}.{block}"
            m = side * side
            layers.append(array_layer(f"{base}.conv1", m, width, channels, size=size))
            layers.append(array_layer(f"{base}.conv2", m, width, width * 9, size=size))
            layers.append(array_layer(f"{base}.conv3", m, width * 4, width, size=size))
            if block == 0:
                layers.append(array_layer(f"{base}.downsample.0", m, width * 4, channels, size=size))
            channels = width * 4
            layers.append(vector_layer(f"{base}.add", "add", m * channels))
        width *= 2
    layers.append(vector_layer("avgpool", "adaptive_avg_pool2d", 7 * 7 * 2048))
    layers.append(array_layer("fc", 1, 1000, 2048, op="linear", size=size))
    return result_of("torchvision:resnet50", layers, machine=machine, size=size)


def mobilenet_v2() -> Result:
    """Inverted residuals: pointwise, depthwise, pointwise."""
    layers = [array_layer("features.0.0", 112 * 112, 32, 27)]
    settings = [
        (1, 16, 1, 112),
        (6, 24, 2, 56),
        (6, 32, 3, 28),
        (6, 64, 4, 14),
        (6, 96, 3, 14),
        (6, 160, 3, 7),
        (6, 320, 1, 7),
    ]
    channels, index = 32, 1
    for expand, out, repeat, side in settings:
        for _ in range(repeat):
            hidden, m, base = channels * expand, side * side, f"features.{index}.conv"
            if expand > 1:
                layers.append(array_layer(f"{base}.0.0", m, hidden, channels))
            layers.append(array_layer(f"{base}.1.0", m, 1, 9, groups=hidden))
            layers.append(array_layer(f"{base}.2", m, out, hidden))
            layers.append(vector_layer(f"{base}.relu6", "relu6", m * hidden))
            channels, index = out, index + 1
    layers.append(array_layer("features.18.0", 49, 1280, 320))
    layers.append(array_layer("classifier.1", 1, 1000, 1280, op="linear"))
    return result_of("torchvision:mobilenet_v2", layers)


def densenet201() -> Result:
    """200 convolutions with the longest names of torchvision."""
    layers = [array_layer("features.conv0", 112 * 112, 64, 147)]
    channels = 64
    for block, (count, side) in enumerate(((6, 56), (12, 28), (48, 14), (32, 7)), start=1):
        for index in range(1, count + 1):
            base = f"features.denseblock{block}.denselayer{index}"
            layers.append(vector_layer(f"{base}.norm1", "batch_norm", side * side * channels))
            layers.append(array_layer(f"{base}.conv1", side * side, 128, channels))
            layers.append(array_layer(f"{base}.conv2", side * side, 32, 128 * 9))
            channels += 32
        channels //= 2
    layers.append(array_layer("classifier", 1, 1000, 1920, op="linear"))
    return result_of("torchvision:densenet201", layers)


def one_gemm() -> Result:
    """A single matrix product."""
    return result_of("gemm:512,512,512", [array_layer("gemm", 512, 512, 512, op="gemm")])


def zero_energy() -> Result:
    """A layer that costs nothing and moves nothing, as with an energy table of zeros and everything on chip."""
    layer = array_layer("gemm", 8, 8, 8, op="gemm")
    return result_of("free", [replace(layer, energy_pj=EnergyBreakdown(), dram=DramCounts())])


def odd_names() -> Result:
    """Names that markup, mathtext, file formats and fonts trip over."""
    names = ["$x_{1$", "[bold]b[/bold]", "a\nb", "a&<b>", "层1", "\\frac", "", "x" * 120]
    return result_of("mo[red]del $y$", [array_layer(name, 64, 32 + i, 64) for i, name in enumerate(names)])


def vector_only() -> Result:
    """A model without any matrix product."""
    return result_of("pool", [vector_layer("pool", "max_pool2d", 4096), vector_layer("act", "relu", 1024)])
