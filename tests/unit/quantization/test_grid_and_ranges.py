"""Grids and ranges against PyTorch's own fake-quantise and observers, and against searches by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.errors import WorkloadError
from compress.quantization.grid import Grid, grid_of_range, quantize_rows
from compress.quantization.ranges import ACTIVATION_RANGES, Histogram, Target, activation_grid, weight_scales
from compress.quantization.ranges.kl import divergence


def values(seed: int, count: int = 2000, *, heavy: bool = False) -> torch.Tensor:
    x = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    return x**3 if heavy else x


def seen_of(x: torch.Tensor) -> Histogram:
    seen = Histogram()
    seen.add(x)
    return seen


@settings(deadline=None, derandomize=True, max_examples=60)
@given(bits=st.integers(2, 8), seed=st.integers(0, 99), zero_point=st.integers(0, 255), signed=st.booleans())
def test_grid_is_torchs_fake_quantize(bits: int, seed: int, zero_point: int, signed: bool) -> None:
    limit = 2 ** (bits - 1) - 1
    low, high = (-limit, limit) if signed else (0, 2**bits - 1)
    zero = 0 if signed else zero_point % 2**bits
    x = values(seed)
    grid = Grid(2.0**-4, zero, bits, signed=signed)
    expected = torch.fake_quantize_per_tensor_affine(x, grid.scale, zero, low, high)
    assert torch.equal(grid.fake_quantize(x), expected)
    assert torch.equal(grid.dequantize(grid.quantize(x)), expected)


@pytest.mark.parametrize("bits", range(2, 9))
def test_rows_are_torchs_per_channel_fake_quantize(bits: int) -> None:
    rows = values(bits, 600).reshape(6, 100)
    scales = torch.tensor([2.0**-e for e in range(1, 7)])
    limit = 2 ** (bits - 1) - 1
    expected = torch.fake_quantize_per_channel_affine(rows, scales, torch.zeros(6, dtype=torch.int32), 0, -limit, limit)
    assert torch.equal(quantize_rows(rows, scales, bits) * scales[:, None], expected)


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize(("signed", "symmetric"), [(False, True), (True, True), (True, False)])
@pytest.mark.parametrize("rule", sorted(ACTIVATION_RANGES))
def test_every_width_and_rule_gives_integers_in_range(bits: int, signed: bool, symmetric: bool, rule: str) -> None:
    x = values(3) if signed else values(3).abs()
    grid = activation_grid(rule, seen_of(x), Target(bits, signed, symmetric))
    integers = grid.quantize(x).long()
    assert grid.low <= integers.min() <= integers.max() <= grid.high
    assert grid.bits == bits
    assert grid.signed == (signed and symmetric)
    if not grid.binary:
        assert grid.fake_quantize(torch.zeros(1)).item() == 0
    if bits >= 12 and rule == "min_max":
        assert (grid.fake_quantize(x) - x).abs().max() <= grid.scale * (
            0.5 + 2**-7
        )  # a float32 number of 16 bits has 8 more


@pytest.mark.parametrize(
    "faulty", [{"bits": 0}, {"bits": 17}, {"scale": 0.0}, {"zero_point": 256}, {"scale": float("nan")}]
)
def test_impossible_grids(faulty: dict[str, float]) -> None:
    with pytest.raises(WorkloadError, match=next(iter(faulty))):
        Grid(**{"scale": 1.0, "zero_point": 3, "bits": 8, "signed": False} | faulty)  # type: ignore[arg-type]


def test_min_max_is_torchs_observer() -> None:
    x = values(5)
    observer = torch.ao.quantization.MinMaxObserver(dtype=torch.quint8, qscheme=torch.per_tensor_affine)
    observer(x)
    scale, zero_point = observer.calculate_qparams()
    grid = activation_grid("min_max", seen_of(x), Target(8, signed=True, symmetric=False))
    assert (grid.scale, grid.zero_point) == (pytest.approx(scale.item()), zero_point.item())


def test_weight_min_max_is_torchs_per_channel_observer() -> None:
    rows = values(6, 1000).reshape(10, 100)
    observer = torch.ao.quantization.PerChannelMinMaxObserver(dtype=torch.qint8, qscheme=torch.per_channel_symmetric)
    observer(rows)
    scales, _ = observer.calculate_qparams()
    # torch spreads the range over 255 steps of -128..127, we over -127..127
    torch.testing.assert_close(weight_scales("min_max", rows, 8), scales * 127.5 / 127)


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("heavy", [False, True])
def test_activation_mse_is_near_the_best_of_a_fine_search(bits: int, heavy: bool) -> None:
    x = values(7, 20_000, heavy=heavy).abs()

    def error(end: float) -> float:
        grid = grid_of_range(0.0, end, bits, signed=False)
        return (grid.fake_quantize(x) - x).square().mean().item()

    best = min(error(x.max().item() * share / 1000) for share in range(5, 1001))
    grid = activation_grid("mse", seen_of(x), Target(bits, signed=False))
    assert (grid.fake_quantize(x) - x).square().mean() <= 1.05 * best + 1e-9


def test_activation_mse_beats_torchs_histogram_observer_and_min_max() -> None:
    x = values(8, 20_000, heavy=True)
    observer = torch.ao.quantization.HistogramObserver(quant_min=0, quant_max=15)
    observer(x)
    scale, zero_point = observer.calculate_qparams()
    torchs = torch.fake_quantize_per_tensor_affine(x, scale.item(), int(zero_point), 0, 15)
    errors = {
        rule: (activation_grid(rule, seen_of(x), Target(4, True, False)).fake_quantize(x) - x).square().mean().item()
        for rule in ("mse", "min_max")
    }
    assert errors["mse"] <= (torchs - x).square().mean().item() * 1.02
    assert errors["mse"] < errors["min_max"]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weight_mse_is_near_the_best_of_a_fine_search(bits: int) -> None:
    rows = torch.cat((values(9, 720).reshape(5, 144), values(10, 720, heavy=True).reshape(5, 144))).double()

    def errors(scales: torch.Tensor) -> torch.Tensor:
        return (quantize_rows(rows, scales, bits) * scales[:, None] - rows).square().sum(1)

    largest = rows.abs().amax(1) / (2 ** (bits - 1) - 1)
    fine = torch.stack([errors(largest * share / 500) for share in range(5, 501)]).amin(0)
    assert (errors(weight_scales("mse", rows, bits)) <= fine * 1.1 + 1e-12).all()


def test_percentile_is_the_quantile() -> None:
    x = values(11, 50_000).abs()
    grid = activation_grid("percentile", seen_of(x), Target(8, signed=False))
    assert grid.scale * 255 == pytest.approx(x.quantile(0.9999).item(), rel=0.02)
    rows = values(12, 2000).reshape(4, 500)
    expected = rows.abs().sort(1).values[:, 494]  # 1 % of 500 are larger
    torch.testing.assert_close(weight_scales("percentile", rows, 8) * 127, expected)


def test_divergence_is_that_of_the_definition() -> None:
    counts = torch.tensor([4.0, 0.0, 2.0, 6.0, 1.0, 1.0], dtype=torch.float64)
    p = torch.tensor([4.0, 0.0, 2.0, 8.0], dtype=torch.float64) / 14
    q = torch.tensor([4.0, 0.0, 4.0, 4.0], dtype=torch.float64) / 12
    expected = sum((a * (a / b).log()).item() for a, b in zip(p, q, strict=True) if a > 0)
    assert divergence(counts, end=4, levels=2) == pytest.approx(expected)


def test_kl_cuts_outliers_off() -> None:
    x = torch.cat((values(13, 50_000).abs(), torch.tensor([60.0])))
    grid = activation_grid("kl", seen_of(x), Target(8, signed=False))
    assert 2 < grid.scale * 255 < 20


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.lists(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=20), min_size=1, max_size=5))
def test_histogram_does_not_depend_on_the_order_of_batches(batches: list[list[float]]) -> None:
    forward, backward = Histogram(), Histogram()
    for batch in batches:
        forward.add(torch.tensor(batch))
    for batch in reversed(batches):
        backward.add(torch.tensor(batch))
    everything = torch.tensor([value for batch in batches for value in batch])
    # what is the reach itself is in its last bin, and one bin lower once the reach has grown
    one, other = forward.counts.cumsum(0), backward.counts.cumsum(0)
    near = (one[1:-1] >= other[:-2]).all() and (one[1:-1] <= other[2:]).all()
    assert bool(near) or forward.reach < 1e-30
    assert forward.counts.sum() == len(everything)
    assert (forward.low, forward.high) == (everything.min().item(), everything.max().item())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 7, 9), (2, 64, 16, 16)])
def test_histogram_is_numpys(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).contiguous(memory_format=layout)
    seen = seen_of(x)
    expected, _ = np.histogram(x.double().numpy(), len(seen.counts), (-seen.reach, seen.reach))
    assert seen.counts.tolist() == expected.tolist()
    assert (seen.low, seen.high) == (x.min().item(), x.max().item())
    assert seen.mean_magnitude == pytest.approx(x.double().abs().mean().item(), rel=1e-12)


@pytest.mark.parametrize("place", [0, 8, 16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_histogram_refuses_what_is_not_finite(value: float, place: int) -> None:
    x = torch.ones(17)
    x[place] = value
    with pytest.raises(ValueError, match="values that are not finite"):
        seen_of(x)


def test_one_bit_is_the_sign_times_the_mean_magnitude() -> None:
    rows = torch.tensor([[0.5, -1.5, 0.0, 2.0]], dtype=torch.float64)
    assert weight_scales("mse", rows, 1).item() == 1.0
    assert quantize_rows(rows, torch.ones(1), 1).tolist() == [[1, -1, 1, 1]]
    grid = activation_grid("mse", seen_of(rows.float()), Target(1, signed=True))
    assert grid.fake_quantize(torch.tensor([-3.0, 0.1])).tolist() == [-1.0, 1.0]
