"""The graph worked out from a plan, against the graph of the network that is really built and traced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from compress.graph.lower import workload_from_graph
from compress.graph.trace import layer_graph
from compress.models import resnet8, resnet20
from compress.models.digits_cnn import digits_cnn
from compress.structure.masks import checked_masks
from compress.structure.plan import make_plan
from compress.structure.shrink import shrink
from compress.structure.small_graph import smaller_graph


class Joined(nn.Module):
    """Concatenation, pooling, an unfolded batch normalisation, a grouped convolution, flattening."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(3, 4, 1)
        self.norm, self.pool = nn.BatchNorm2d(10), nn.MaxPool2d(2)
        self.grouped = nn.Conv2d(10, 10, 3, padding=1, groups=5)
        self.head = nn.Linear(10 * 16, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat((torch.relu(self.left(x)), torch.relu(self.right(x))), 1)
        x = self.pool(torch.relu(self.norm(x)))
        return self.head(torch.flatten(torch.relu(self.grouped(x)), 1))


def random_masks(graph, seed: int):
    """Some filters and some input channels of about half of the layers; answers keep all."""
    generator, filters, inputs = np.random.default_rng(seed), {}, {}
    layers = [(name, data) for name, data in graph.nodes(data=True) if data["kind"] in ("conv2d", "linear")]
    for name, data in layers[:-1]:
        view, axis = data["gemm"], -3 if data["kind"] == "conv2d" else -1
        kind = generator.integers(3)
        if kind == 1 or (kind == 2 and view.groups > 1):
            filters[name] = generator.random(data["output_shapes"][0][axis]) < 0.6
        elif kind == 2:
            inputs[name] = generator.random(data["input_shapes"][0][axis]) < 0.6
    return filters, inputs


def nameless(graph):
    """The layers with their places for names: tracing again names functions anew."""
    layers = workload_from_graph(graph, "net").layers
    place = {layer.name: str(index) for index, layer in enumerate(layers)} | {"": ""}
    return [
        replace(layer, name=place[layer.name], inputs=tuple(place[name] for name in layer.inputs)) for layer in layers
    ]


@pytest.mark.parametrize(
    ("make", "shape"),
    [(Joined, (3, 8, 8)), (digits_cnn, (1, 8, 8)), (resnet8, (3, 32, 32)), (resnet20, (3, 32, 32))],
)
@pytest.mark.parametrize("seed", range(3))
def test_lowers_to_the_workload_of_the_smaller_network(make, shape, seed) -> None:
    model = make().eval()
    graph = layer_graph(model, shape)
    filters, inputs = random_masks(graph, seed)
    small = shrink(model, graph, filters, inputs)
    plan = make_plan(graph, *checked_masks(graph, filters, inputs))
    expected = nameless(layer_graph(small, shape))
    assert nameless(smaller_graph(graph, plan)) == expected
    assert expected != nameless(graph)
