"""Figures of the incremental evaluator against those of networks compressed from scratch."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from accel_sim import load_hardware, simulate
from accel_sim.errors import DataError
from accel_sim.workload import GemmLayer
from compress.classify import LabelledInputs, classify
from compress.compressed import compress_model
from compress.compressed_workload import compressed_workload
from compress.policy.schema import Quantization
from rl.env.evaluator import EvaluatorSettings, PolicyEvaluator
from rl.env.space import Choice, pruning_options
from tests.unit.rl.env.conftest import SMALL, labelled

PLAIN = Quantization(rounding="nearest", reconstruction="none", bias_correction=False)
FIGURES = ("top1_percent", "loss", "energy_pj", "cycles", "latency_s")


def figures(evaluation) -> tuple[float, ...]:
    return tuple(getattr(evaluation, name) for name in FIGURES)


def candidates(space, count: int, seed: int = 0):
    generator = np.random.default_rng(seed)
    return [space.random(generator) for _ in range(count)]


@pytest.fixture(scope="module")
def plain(network):
    """Evaluators without repairs, so that networks can be compared bit for bit."""

    def make(machine: str) -> PolicyEvaluator:
        parts = labelled("search", 100, network), labelled("calibration", 64, network)
        hardware = load_hardware(machine, overrides=SMALL)
        return PolicyEvaluator(network, hardware, *parts, EvaluatorSettings(quantization=PLAIN))

    return make


@pytest.mark.parametrize("machine", ["loom_like", "term_serial_vector_sparse", "bitlet_like"])
def test_what_is_remembered_changes_no_figure(make_evaluator, machine) -> None:
    warm, fresh = make_evaluator(machine, fresh=True), make_evaluator(machine, fresh=True)
    some = candidates(warm.space, 6)
    # neighbours share most of their layers with what was seen
    near = [(*one[:2], *other[2:]) for one, other in pairwise(some)]
    for candidate in some + near:
        warm.evaluate(candidate)
    for candidate in reversed(near):
        assert figures(fresh.evaluate(candidate)) == figures(warm.evaluate(candidate))


@pytest.mark.parametrize("machine", ["loom_like", "term_serial_vector_sparse"])
def test_widths_alone_are_the_compressed_model_bit_for_bit(plain, network, machine) -> None:
    evaluator, search = plain(machine), labelled("search", 100, network)
    calibration = labelled("calibration", 64, network)
    generator = np.random.default_rng(4)
    for _ in range(2):
        widths = generator.integers(2, 9, (len(evaluator.space.layers), 2))
        candidate = tuple(Choice(0, 0.0, int(w), int(a)) for w, a in widths)
        policy = evaluator.space.policy(candidate, PLAIN)
        compressed = compress_model(network, policy, calibration.inputs, calibration.labels)
        answers = classify(compressed.model, search.on(torch.device("cpu")), 100)
        result = simulate(compressed_workload(compressed, calibration.inputs[:1], "net"), evaluator.hardware)
        found = evaluator.evaluate(candidate)
        assert (found.top1_percent, found.loss) == (answers.top1_percent, answers.cross_entropy)
        assert (found.energy_pj, found.cycles) == (result.total.energy_pj.total, result.total.cycles.total)


@pytest.mark.parametrize("machine", ["loom_like", "term_serial_vector_sparse", "bitlet_like"])
def test_pruned_networks_are_the_smaller_ones(plain, network, machine) -> None:
    """All but the input grids, which the evaluator takes from the float network: given those, all is equal."""
    evaluator, search = plain(machine), labelled("search", 60, network)
    calibration = labelled("calibration", 64, network)
    for candidate in candidates(evaluator.space, 3, seed=7):
        policy = evaluator.space.policy(candidate, PLAIN)
        compressed = compress_model(network, policy, calibration.inputs, calibration.labels)
        quick = evaluator.network(candidate)
        for name, layer in quick.layers.items():
            twin = compressed.model.get_submodule(name)
            twin.input_grid = layer.input_grid
            twin.load_state_dict(twin.state_dict())  # scales its weights anew
        with torch.inference_mode():
            torch.testing.assert_close(
                quick.model(search.inputs), compressed.model(search.inputs), rtol=1e-4, atol=1e-4
            )
        expected = compressed_workload(compressed, calibration.inputs[:1], "net")
        result, theirs = evaluator.simulated(candidate, quick), simulate(expected, evaluator.hardware)
        assert result.total.energy_pj.total == pytest.approx(theirs.total.energy_pj.total, rel=1e-3)
        shapes = [(row.groups, row.m, row.n, row.k, row.a_bits, row.w_bits) for row in result.layers]
        assert shapes == [(row.groups, row.m, row.n, row.k, row.a_bits, row.w_bits) for row in theirs.layers]


def test_operands_are_those_of_the_smaller_network(plain, network) -> None:
    evaluator, calibration = plain("term_serial_vector_sparse"), labelled("calibration", 64, network)
    candidate = tuple(
        evaluator.space.settled(index, Choice(1 if own.allowed[1] else 0, 0.5, 5, 6))
        for index, own in enumerate(evaluator.space.layers)
    )
    policy = evaluator.space.policy(candidate, PLAIN)
    compressed = compress_model(network, policy, calibration.inputs, calibration.labels)
    ours = evaluator._meter.workload(policy, evaluator.network(candidate))
    theirs = compressed_workload(compressed, calibration.inputs[:1], "net")
    pairs = list(zip(ours.layers, theirs.layers, strict=True))
    products = [(one, other) for one, other in pairs if isinstance(one, GemmLayer)]
    assert len(products) == 5
    for one, other in products:
        np.testing.assert_array_equal(one.weights, other.weights)
        assert one.activations.shape == other.activations.shape
    np.testing.assert_array_equal(products[0][0].activations, products[0][1].activations)


def test_repairs_help(plain, make_evaluator) -> None:
    unrepaired, repaired = plain("loom_like"), make_evaluator("loom_like")
    harsh = unrepaired.space.uniform(3, 4)
    assert repaired.evaluate(harsh).loss < 0.9 * unrepaired.evaluate(harsh).loss


def test_options_fit_the_machine() -> None:
    offered = {
        name: {option.algorithm for option in pruning_options(load_hardware(name))}
        for name in ("dense_int8_8x8", "bitlet_like", "term_serial_vector_sparse", "sparse_2_4")
    }
    structured = {"none", "l1_filter", "fpgm", "reconstruction"}
    assert offered["dense_int8_8x8"] == structured
    assert offered["bitlet_like"] == structured | {"level", "obs"}
    assert offered["term_serial_vector_sparse"] == structured | {"block_magnitude", "block_obs"}
    assert offered["sparse_2_4"] == {"n_m_magnitude", "n_m_obs"}


def test_layers_take_what_they_can(evaluator) -> None:
    allowed = {
        layer.name: {
            option.algorithm for option, own in zip(evaluator.space.options, layer.allowed, strict=True) if own
        }
        for layer in evaluator.space.layers
    }
    assert allowed["depthwise"] == {"none"}
    assert allowed["linear"] == {"none", "reconstruction"}
    assert allowed["conv1"] == {"none", "l1_filter", "fpgm"}
    assert allowed["conv2"] == {"none", "l1_filter", "fpgm", "reconstruction"}


def test_a_machine_with_a_pattern_runs_it_everywhere(make_evaluator) -> None:
    evaluator = make_evaluator("sparse_2_4")
    assert evaluator.reference.top1_percent > 50
    for candidate in candidates(evaluator.space, 2):
        assert evaluator.evaluate(candidate).energy_pj < 1.05 * evaluator.reference.energy_pj


def test_labels_must_be_the_models(network) -> None:
    images = labelled("search", 10, network)
    foreign = LabelledInputs(images.inputs, images.labels + 5)
    with pytest.raises(DataError, match="tells 10 classes apart"):
        PolicyEvaluator(network, load_hardware("loom_like"), foreign, images)
    with pytest.raises(DataError, match="at least one"):
        LabelledInputs(images.inputs[:0], images.labels[:0])
    assert replace(images, labels=images.labels).first(3).inputs.shape[0] == 3
