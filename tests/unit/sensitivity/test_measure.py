"""A study of sensitivities against compression of one layer at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from accel_sim.errors import PolicyError
from compress.classify import Classification, LabelledInputs, classify
from compress.compressed import compress_model
from compress.graph.trace import layer_graph
from compress.policy import Policy
from compress.sensitivity import Probes, SensitivityRow, SensitivityTable, layer_sensitivity


class Small(nn.Module):
    """Two convolutions, a sum, and answers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.first(x)).relu()
        return self.linear((x + self.second(x)).relu().mean((2, 3)))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(1)
    made = Small()
    made.linear.weight.data *= 5
    return made.eval()


@pytest.fixture
def images() -> LabelledInputs:
    draws = torch.Generator().manual_seed(2)
    return LabelledInputs(torch.rand(48, 3, 6, 6, generator=draws), torch.randint(0, 5, (48,), generator=draws))


def study(model: nn.Module, images: LabelledInputs, probes: Probes) -> SensitivityTable:
    return layer_sensitivity(model, layer_graph(model, images.inputs[:1], name="small"), images, probes)


def only(table: SensitivityTable, layer: str, change: str, amount: float) -> SensitivityRow:
    (row,) = [row for row in table.curve(layer, change) if row.amount == amount]
    return row


def compressed(model: nn.Module, images: LabelledInputs, layer: str, **entry: object) -> Classification:
    """What the policy of one layer does to a float network."""
    policy = Policy.model_validate({"layers": {layer: entry}, "quantization": {"enabled": False}})
    return classify(compress_model(model, policy, images.inputs, images.labels).model, images, 64)


@pytest.mark.parametrize("algorithm", ["level", "obs", "l1_filter"])
@pytest.mark.parametrize("layer", ["first", "second"])
def test_pruning_one_layer_is_what_a_policy_of_that_layer_does(model, images, algorithm: str, layer: str) -> None:
    row = only(study(model, images, Probes((algorithm,), (0.5,), (), ())), layer, algorithm, 0.5)
    expected = compressed(model, images, layer, algorithm=algorithm, ratio=0.5)
    assert row.top1_percent == pytest.approx(expected.top1_percent)
    assert row.cross_entropy_nats == pytest.approx(expected.cross_entropy, rel=1e-4)


def test_fewer_bits_cost_more_and_sixteen_nothing(model, images) -> None:
    table = study(model, images, Probes((), (), (1, 4, 16), (1, 4, 16)))
    for layer in ("first", "second", "linear"):
        for change in ("w_bits", "a_bits"):
            one, four, sixteen = (table.rise_nats(row) for row in table.curve(layer, change))
            assert abs(sixteen) < 1e-3
            assert abs(four) < abs(one)
            assert abs(one) > 1e-4


def test_the_model_and_every_other_layer_stay(model, images) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    probes = Probes(("level",), (0.5,), (2,), (2,))
    first, again = study(model, images, probes), study(model, images, probes)
    assert first == again
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_answers_have_no_rows_for_filters(model, images) -> None:
    table = study(model, images, Probes(("l1_filter",), (0.5,), (), ()))
    assert table.layers == ("first", "second")


def test_an_algorithm_that_no_layer_can_use_is_refused(model, images) -> None:
    model.bn = nn.Identity()
    with pytest.raises(PolicyError, match="batch normalisation"):
        study(model, images, Probes(("batch_norm_scale",), (0.5,), (), ()))


def test_progress_counts_every_probe(model, images) -> None:
    seen: list[tuple[int, int]] = []
    probes = Probes(("level",), (0.5,), (4,), ())
    graph = layer_graph(model, images.inputs[:1])
    layer_sensitivity(model, graph, images, probes, progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]
