"""A user's own pruning algorithm: what is found wrong with it, and that policies can ask for it once it is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import compress
from accel_sim.errors import PolicyError
from compress import Criterion, FilterCriterion, Granularity, LayerPolicy, PrunableLayer, keep_largest
from compress.pruning import registry


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


@pytest.mark.parametrize("name", sorted(compress.criteria()))
def test_every_shipped_algorithm_keeps_the_laws(name: str) -> None:
    compress.check_criterion(compress.criteria()[name])


class Loudest(FilterCriterion):
    name = "loudest"

    def scores(self, layer: PrunableLayer) -> Tensor:
        return layer.weight.flatten(1).abs().amax(1)


class Faulty(Criterion):
    name = "faulty"
    granularity = Granularity.ELEMENT

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        return keep_largest(layer.weight.abs(), ratio)


def test_a_registered_algorithm_is_one_of_a_policy() -> None:
    with pytest.raises(PolicyError, match="'loudest': is not known"):
        registry.make_criterion(LayerPolicy(algorithm="loudest", ratio=0.5))
    assert compress.register_criterion(Loudest) is Loudest
    policy = compress.Policy(
        schema=1, layers={"conv2": LayerPolicy(algorithm="loudest", ratio=0.5), "pointwise": LayerPolicy(w_bits=4)}
    )
    from compress.models.digits_cnn import DigitsCnn

    torch.manual_seed(0)
    model = DigitsCnn().eval()
    images = torch.rand(8, 1, 8, 8)
    compressed = compress.compress_model(model, policy, images)
    kept = compressed.removed.kept_filters["conv2"]
    largest = model.conv2.weight.detach().flatten(1).abs().amax(1)
    assert kept.sum() == 16
    assert largest[kept].min() >= largest[~kept].max()
    assert {layer.name: layer.w_bits for layer in compressed.workload(images[:1]).layers if layer.op == "conv2d"}[
        "pointwise"
    ] == 4


def test_a_class_can_be_registered_again_but_takes_no_shipped_name() -> None:
    again = type("Loudest", (Loudest,), {})
    compress.register_criterion(Loudest)
    compress.register_criterion(again)
    assert compress.criteria()["loudest"] is again
    with pytest.raises(PolicyError, match="criterion Level: the name 'level' is that of a shipped algorithm"):
        compress.register_criterion(type("Level", (Faulty,), {"name": "level"}))


def changing(self: Any, layer: PrunableLayer, ratio: float) -> Tensor:
    layer.weight.mul_(0.5)
    return keep_largest(layer.weight.abs(), ratio)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"name": "two words"}, "name is 'two words'; needed: letters"),
        ({"granularity": "element"}, "granularity is missing; needed: one of ELEMENT, N_M"),
        ({"needs": frozenset({"luck"})}, "needs {'luck'}; allowed: INPUT_MOMENTS"),
        ({"__init__": lambda self, strength: None}, r"cannot be made with the arguments \(\)"),
        ({"mask": lambda self, layer, ratio: layer.weight.abs()}, "is torch.float32, .* needed: torch.bool"),
        ({"mask": lambda self, layer, ratio: None}, "is NoneType; needed: torch.bool"),
        ({"mask": lambda self, layer, ratio: layer.weight < -9}, "keeps nothing; needed: something"),
        ({"mask": lambda self, layer, ratio: layer.weight > 0}, "at ratio 0.0 removes something; needed: nothing"),
        ({"granularity": Granularity.FILTER}, "splits a filter; needed: kept or removed as a whole"),
        ({"granularity": Granularity.CHANNEL}, "splits a channel"),
        ({"update": lambda self, layer, mask: layer.weight}, "zero where the mask is False"),
        (
            {"mask": lambda self, layer, ratio: keep_largest(torch.rand(layer.weight.shape), ratio)},
            r"differ from call to call; draw with layer.generator\(\)",
        ),
        (
            {"mask": lambda self, layer, ratio: keep_largest(layer.weight.abs(), ratio and 0.8 - ratio)},
            "needed: fewer and fewer",
        ),
        ({"mask": changing}, "own weights .* were changed"),
    ],
)
def test_what_breaks_a_law_is_one_clear_line(members: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=f"criterion Broken: .*{message}") as caught:
        compress.register_criterion(type("Broken", (Faulty,), members))
    assert "\n" not in str(caught.value)
    assert "faulty" not in compress.criteria()


def test_what_is_no_algorithm() -> None:
    with pytest.raises(PolicyError, match="lacks mask"):
        compress.check_criterion(Criterion)
    with pytest.raises(PolicyError, match="int'>: is no subclass of"):
        compress.check_criterion(int)  # type: ignore[type-var]
