"""The same policy on machines that treat zeros and widths differently: each saves what it can and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from accel_sim import Workload, load_hardware, simulate
from accel_sim.result import TotalResult
from compress.compressed import compress_model
from compress.compressed_workload import compressed_workload
from compress.data import open_labelled
from compress.models import digits_cnn
from compress.policy import Policy

MACHINES: dict[str, dict[str, str]] = {
    "dense": {},
    "gating": {"array.weight_sparsity": "gate"},
    "skipping": {"array.weight_sparsity": "skip_rows"},
    "term-serial": {"array.arithmetic": "term_serial_weight"},
    "serial weights": {"array.arithmetic": "serial_weight"},
    "serial activations": {"array.arithmetic": "serial_act"},
    "serial both": {"array.arithmetic": "serial_both"},
}
POLICIES: dict[str, dict[str, Any]] = {
    "none": {},
    "single weights": {"algorithm": "level", "ratio": 0.6},
    "filters": {"algorithm": "l1_filter", "ratio": 0.5},
    "w4": {"w_bits": 4},
    "a4": {"a_bits": 4},
}
BLIND = ("dense", "serial weights", "serial activations", "serial both")
"""Machines that do not look at values."""


@cache
def workload(policy: str) -> Workload:
    """The digits CNN with initial weights, on one image."""
    torch.manual_seed(0)
    model = digits_cnn().eval()
    images = open_labelled("digits", "calibration").inputs(model, range(16))
    switches = {"rounding": "nearest", "reconstruction": "none", "bias_correction": False}
    tree = Policy.model_validate({"defaults": POLICIES[policy], "quantization": switches})
    return compressed_workload(compress_model(model, tree, images), images[:1], policy)


@cache
def total(machine: str, policy: str) -> TotalResult:
    return simulate(workload(policy), load_hardware("dense_int8_8x8", overrides=MACHINES[machine])).total


def share(machine: str, policy: str, of: Callable[[Any], float]) -> float:
    """What a policy leaves of a machine's figure without one."""
    return of(total(machine, policy)) / of(total(machine, "none"))


@pytest.mark.parametrize("machine", BLIND)
def test_single_weights_save_nothing_where_values_are_not_looked_at(machine: str) -> None:
    assert total(machine, "single weights") == total(machine, "none")


def test_gating_saves_multiplications_but_no_time() -> None:
    assert share("gating", "single weights", lambda one: one.energy_pj.multiply) == pytest.approx(0.4, abs=0.08)
    assert share("gating", "single weights", lambda one: one.energy_pj.total) < 1
    assert total("gating", "single weights").cycles == total("gating", "none").cycles


@pytest.mark.parametrize("machine", ["skipping", "term-serial"])
def test_skipping_saves_time_and_energy(machine: str) -> None:
    assert share(machine, "single weights", lambda one: one.cycles.compute) < 0.95
    assert share(machine, "single weights", lambda one: one.energy_pj.total) < 1


@pytest.mark.parametrize("machine", MACHINES)
def test_removed_filters_save_everywhere(machine: str) -> None:
    for figure in (
        lambda one: one.cycles.total,
        lambda one: one.energy_pj.total,
        lambda one: one.energy_pj.multiply,
        lambda one: one.energy_pj.dram,
    ):
        assert share(machine, "filters", figure) < 0.6


@pytest.mark.parametrize("policy", ["w4", "a4"])
@pytest.mark.parametrize("machine", MACHINES)
def test_fewer_bits_save_dram_everywhere(machine: str, policy: str) -> None:
    assert share(machine, policy, lambda one: one.dram.read_bytes + one.dram.write_bytes) < 0.9
    assert share(machine, policy, lambda one: one.energy_pj.dram) < 0.9
    assert share(machine, policy, lambda one: one.energy_pj.total) < 0.9


@pytest.mark.parametrize("machine", ["dense", "serial weights", "serial activations", "serial both"])
def test_bits_shorten_beats_where_they_are_serial(machine: str) -> None:
    serial = {
        "w4": machine in ("serial weights", "serial both"),
        "a4": machine in ("serial activations", "serial both"),
    }
    for policy, halved in serial.items():
        left = share(machine, policy, lambda one: one.cycles.compute)
        assert left == pytest.approx(0.5, abs=0.05) if halved else left == 1
