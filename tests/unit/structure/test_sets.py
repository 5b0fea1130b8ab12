"""Which channels belong together, against sets worked out by hand and against Torch-Pruning."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from compress.graph.trace import layer_graph
from compress.structure.masks import mask_layers
from compress.structure.sets import ChannelSet, channel_sets
from compress.structure.shrink import remove_channels, shrink
from tests.unit.structure.networks import NARROW, SqueezeExcite, build, images


def sets_of(model: nn.Module, size: int) -> dict[str, ChannelSet]:
    return {s.name: s for s in channel_sets(layer_graph(model, images(size, model)))}


def indices(members: tuple, layer: str) -> list[list[int]]:  # type: ignore[type-arg]
    (member,) = [m for m in members if m.layer == layer]
    return [list(own) for own in member.indices]


class Concat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(5)
        self.head = nn.Linear(5 * 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm(torch.cat([self.a(x), self.b(x)], 1)))
        return self.head(torch.flatten(y, 1))


def test_concatenation_and_flatten_have_offsets() -> None:
    sets = sets_of(Concat().double(), 2)
    assert list(sets) == ["a", "b", "head"]
    assert indices(sets["b"].carriers, "norm") == [[2], [3], [4]]
    assert indices(sets["b"].consumers, "head") == [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17, 18, 19]]
    assert sets["head"].fixed == "output of the network"


def test_groups_gates_and_sigmoids() -> None:
    sets = sets_of(SqueezeExcite().double(), 8)
    stem = sets["stem"]
    # A group of two input and four output channels; the gate and the sum go along with it.
    assert {p.layer for p in stem.producers} == {"stem", "grouped", "up", "last"}
    assert indices(stem.producers, "stem") == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert indices(stem.producers, "up")[1] == [4, 5, 6, 7]
    assert indices(stem.consumers, "head")[3] == list(range(48, 64))
    assert stem.prunable
    assert sets["odd"].fixed == "a masked channel does not reach 'last' as zero"


def test_padding_shortcut_shifts_channels() -> None:
    sets = sets_of(build(NARROW["cifar_resnet"][0]), 32)
    stream = sets["conv1"]
    assert stream.size == 64
    assert indices(stream.producers, "layer3.0.conv2") == [[i] for i in range(64)]
    assert indices(stream.producers, "layer2.0.conv2") == [[i - 16] if 16 <= i < 48 else [] for i in range(64)]
    assert indices(stream.producers, "conv1") == [[i - 24] if 24 <= i < 40 else [] for i in range(64)]


def test_attention_heads_are_whole() -> None:
    sets = sets_of(build(NARROW["vit"][0]), 32)
    layer = "encoder.layers.encoder_layer_0"
    heads = sets[f"{layer}.self_attention.in_proj"]
    assert heads.size == 4
    rows = indices(heads.producers, f"{layer}.self_attention.in_proj")[1]
    assert rows == [*range(8, 16), *range(40, 48), *range(72, 80)]
    assert indices(heads.consumers, f"{layer}.self_attention.out_proj")[1] == list(range(8, 16))
    assert sets[f"{layer}.mlp.0"].prunable
    assert "cannot be removed" in (sets[f"{layer}.mlp.3"].fixed or "")


@pytest.mark.parametrize("name", ["resnet", "cifar_resnet", "mobilenet_v2", "densenet"])
def test_same_layers_as_torch_pruning(name: str) -> None:
    """Layers whose filters go together. (It follows the padding shortcut too, one layer pair at a time.)"""
    pruning = pytest.importorskip("torch_pruning")
    model = build(NARROW[name][0]).float()
    x = images(32, model).float()
    names = {module: path for path, module in model.named_modules()}
    dependencies = pruning.DependencyGraph().build_dependency(model, example_inputs=x)
    theirs = set()
    for group in dependencies.get_all_groups(root_module_types=[nn.Conv2d, nn.Linear]):
        together = [
            d.target.module
            for d, _ in group
            if d.handler.__name__ in ("prune_out_channels", "prune_depthwise_conv_out_channels")
        ]
        theirs.add(frozenset(names[m] for m in together if isinstance(m, nn.Conv2d | nn.Linear)))
    ours = {frozenset(p.layer for p in s.producers) for s in channel_sets(layer_graph(model, x))}
    assert ours == theirs


def test_wrong_calls() -> None:
    model = Concat().double()
    graph = layer_graph(model, images(2, model))
    with pytest.raises(WorkloadError, match="channel set 'c' is not known; allowed: a, b, head"):
        remove_channels(model, graph, {"c": [0]})
    with pytest.raises(WorkloadError, match="channel set 'head' cannot be pruned: output of the network"):
        remove_channels(model, graph, {"head": [0]})
    with pytest.raises(WorkloadError, match=r"channel set 'a': channels 1..2: allowed: 0..1"):
        remove_channels(model, graph, {"a": [1, 2]})
    with pytest.raises(WorkloadError, match="layer 'norm' of the masks is no convolution or linear layer"):
        shrink(model, graph, {"norm": torch.ones(5, dtype=torch.bool)})
    with pytest.raises(WorkloadError, match=r"layer 'a': mask of filters \(3,\): allowed: \(2,\)"):
        mask_layers(model, graph, {"a": torch.ones(3, dtype=torch.bool)})
