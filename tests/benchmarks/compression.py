"""Compression: fake-quantised against float inference, applying a policy to ResNet-50, CIFAR-10 through ResNet-20."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from compress.accuracy import evaluate
from compress.compressed import compress_model
from compress.data import LabelledImages, open_labelled
from compress.model_sources import trained_model
from compress.models import resnet20
from compress.policy import Policy
from tests.benchmarks.measure import Times, time_calls
from tests.benchmarks.report import Check, Section, markdown_table, spread, time_checks
from tests.shared_files import shared_root

__all__ = ["run"]

RATIO_LIMIT, APPLY_LIMIT_S, TEST_SET_LIMIT_S = 1.5, 2.0, 30.0
REPEATS, APPLY_REPEATS, TEST_SET_REPEATS = 9, 5, 3
BATCHES = {"torchvision:resnet50": 8, "torchvision:resnet18": 8}
"""Images of 224×224 at a time."""
CIFAR_IMAGES, TEST_IMAGES, NOISE = 1000, 10_000, "fake:10x3x32x32"
CALIBRATION = 4
"""Images that ranges are taken from where a policy is applied to ResNet-50."""
NO_REPAIR = {"rounding": "nearest", "reconstruction": "none", "bias_correction": False}
POLICIES: dict[str, dict[str, Any]] = {
    "w4a8": {"defaults": {"w_bits": 4}},
    "level 50 %, w4a8": {"defaults": {"algorithm": "level", "ratio": 0.5, "w_bits": 4}},
    "l1_filter 25 %, w8a8": {
        "defaults": {"algorithm": "l1_filter", "ratio": 0.25},
        "layers": {"fc": {"algorithm": "none"}},
    },
}
TEXT = f"""\
Times in ms, median (lowest to highest), after one run that is not counted.

*Inference*: the same images through a network and its fake-quantised twin (w8a8, ranges of least squared error, no
repairs), in turns. ResNet-20: `compress.evaluate` of {CIFAR_IMAGES:,} {{images}}; the others: batches of noise, float
with batch normalisation as trained networks have it.

*Applying a policy* to `torchvision:resnet50` (initial weights): layer graph, pruning, ranges from {CALIBRATION} images
of noise, rounding, report; no repairs.

*Test set*: ResNet-20 with a policy (half of each layer's weights gone, w4a8) classifies {TEST_IMAGES:,} {{images}}."""


@dataclass(frozen=True)
class _Pair:
    """A network and its fake-quantised twin."""

    name: str
    exact: Times
    quantised: Times

    @property
    def ratio(self) -> float:
        """Of CPU times."""
        return self.quantised.cpu_median_s / self.exact.cpu_median_s


def run() -> Section:
    """Time all three."""
    spec, model = _cifar()
    images = open_labelled(spec, "test")
    pairs = [_cifar_pair(model, images), *(_pair(name, batch) for name, batch in BATCHES.items())]
    applied = {name: _time_policy(tree) for name, tree in POLICIES.items()}
    whole = _time_test_set(model, images)
    table = markdown_table(
        ("inference", "float, wall", "float, CPU", "fake-quantised, wall", "fake-quantised, CPU", "CPU ratio"),
        [
            (
                pair.name,
                *(spread(seconds) for times in (pair.exact, pair.quantised) for seconds in (times.wall_s, times.cpu_s)),
                f"{pair.ratio:.2f}",
            )
            for pair in pairs
        ],
    )
    rows = [(f"policy on ResNet-50: {name}", times) for name, times in applied.items()]
    rows.append(("test set through ResNet-20", whole))
    others = markdown_table(
        ("", "wall", "CPU"), [(name, spread(times.wall_s), spread(times.cpu_s)) for name, times in rows]
    )
    slowest = max(applied, key=lambda name: applied[name].cpu_median_s)
    checks = (
        *(
            Check(
                f"fake-quantised over float inference, {pair.name}, CPU time",
                f"≤ {RATIO_LIMIT}×",
                f"{pair.ratio:.2f}×",
                pair.ratio <= RATIO_LIMIT,
            )
            for pair in pairs
        ),
        *time_checks(f"policy applied to ResNet-50 ({slowest}), no repairs", APPLY_LIMIT_S, applied[slowest]),
        *time_checks("CIFAR-10 test set through ResNet-20 with a policy", TEST_SET_LIMIT_S, whole),
    )
    what = "images of noise" if spec == NOISE else "CIFAR-10 test images"
    return Section("Compression", TEXT.format(images=what), f"{table}\n\n{others}", checks)


def _cifar() -> tuple[str, nn.Module]:
    """The shared images and trained weights; noise and initial weights where they are not here."""
    data = shared_root() / "data"
    if not (data / "cifar").exists():
        return NOISE, resnet20().eval()
    weights = data / "weights" / "cifar10" / "resnet20.pth"
    return f"cifar10:{data / 'cifar'}", trained_model("compress.models:resnet20", weights, 0).model


def _cifar_pair(model: nn.Module, images: LabelledImages) -> _Pair:
    some = images.take(_positions(images, CIFAR_IMAGES))
    quantised = _compressed(model, {}, some.inputs(model, range(64)))
    exact, other = _alternate(model, quantised, lambda network: evaluate(network, some))
    return _Pair(f"ResNet-20, {CIFAR_IMAGES:,} images of 32×32", exact, other)


def _pair(name: str, batch: int) -> _Pair:
    model = trained_model(name, None, 0).model
    inputs = torch.rand(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    inputs = inputs.to(memory_format=torch.channels_last)
    quantised = _compressed(model, {}, inputs[:2])
    exact, other = _alternate(model, quantised, lambda network: _infer(network, inputs))
    return _Pair(f"{name}, {batch} images of 224×224", exact, other)


def _infer(network: nn.Module, inputs: Tensor) -> None:
    with torch.inference_mode():
        network(inputs)


def _alternate(model: nn.Module, quantised: nn.Module, call: Callable[[nn.Module], object]) -> tuple[Times, Times]:
    """In turns, so that both meet the same load."""
    networks = (model, quantised)
    for network in networks:
        call(network)
    turns = [[time_calls(partial(call, network), 1) for network in networks] for _ in range(REPEATS)]
    exact, other = (_joined([turn[place] for turn in turns]) for place in range(2))
    return exact, other


def _joined(times: Sequence[Times]) -> Times:
    return Times(tuple(one.cpu_s[0] for one in times), tuple(one.wall_s[0] for one in times))


def _time_policy(tree: dict[str, Any]) -> Times:
    model = trained_model("torchvision:resnet50", None, 0).model
    inputs = torch.rand(CALIBRATION, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    _compressed(model, tree, inputs)
    return time_calls(lambda: _compressed(model, tree, inputs), APPLY_REPEATS)


def _time_test_set(model: nn.Module, images: LabelledImages) -> Times:
    policy = {"defaults": {"algorithm": "level", "ratio": 0.5, "w_bits": 4}}
    compressed = _compressed(model, policy, images.inputs(model, range(64)))
    whole = images.take(_positions(images, TEST_IMAGES))
    return time_calls(lambda: evaluate(compressed, whole), TEST_SET_REPEATS)


def _positions(images: LabelledImages, count: int) -> list[int]:
    """The first ones, and again from the start where there are fewer."""
    return [position % images.size for position in range(count)]


def _compressed(model: nn.Module, tree: dict[str, Any], inputs: Tensor) -> nn.Module:
    policy = Policy.model_validate({**tree, "quantization": NO_REPAIR})
    return compress_model(model, policy, inputs).model
