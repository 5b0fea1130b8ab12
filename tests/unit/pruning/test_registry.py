"""Algorithms by name, with their options."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from accel_sim.errors import PolicyError
from compress.policy.schema import Block, LayerPolicy, NOfM
from compress.pruning.block.block_magnitude import BlockMagnitude
from compress.pruning.criterion import Criterion, Granularity
from compress.pruning.element.level import Level
from compress.pruning.n_m.n_m_obs import NmObs
from compress.pruning.registry import criteria, make_criterion

ELEMENT = {"level", "none", "obs", "random_element", "sensitivity", "splicing", "wanda"}


def test_every_algorithm_of_the_fine_grained_families_is_found():
    found = {name: criterion.granularity for name, criterion in criteria().items()}
    assert {name for name, kind in found.items() if kind is Granularity.ELEMENT} == ELEMENT
    assert {name for name, kind in found.items() if kind is Granularity.N_M} == {"n_m_magnitude", "n_m_obs"}
    assert {name for name, kind in found.items() if kind is Granularity.BLOCK} == {"block_magnitude", "block_obs"}


def test_names_are_the_classes_own_and_every_rule_has_a_source():
    for name, criterion in criteria().items():
        assert criterion.name == name
        assert criterion.source or name == "none"


def concrete(criterion: type[Criterion]) -> set[type[Criterion]]:
    below = {found for subclass in criterion.__subclasses__() for found in concrete(subclass)}
    return below if inspect.isabstract(criterion) else below | {criterion}


def test_no_class_hides_behind_anothers_name():
    registered = set(criteria().values())
    assert {c for c in concrete(Criterion) if c.__module__.startswith("compress.pruning.")} == registered


@pytest.mark.parametrize(
    ("entry", "made"),
    [
        (LayerPolicy(algorithm="level", ratio=0.5), Level()),
        (LayerPolicy(algorithm="n_m_obs", n_m=NOfM(keep=2, of=4)), NmObs(2, 4)),
        (LayerPolicy(algorithm="block_magnitude", ratio=0.3, block=Block(rows=1, cols=16)), BlockMagnitude(1, 16)),
    ],
)
def test_options_reach_the_algorithm(entry: LayerPolicy, made: object):
    assert make_criterion(entry) == made


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"algorithm": "levle"}, "algorithm 'levle': is not known; did you mean 'level'\\?; allowed: .*wanda"),
        ({"algorithm": "qqqq"}, "algorithm 'qqqq': is not known; allowed: "),
        ({"algorithm": "level", "n_m": NOfM(keep=2, of=4)}, "algorithm level: n_m is given; allowed: no n_m"),
        ({"algorithm": "obs", "block": Block(rows=2, cols=4)}, "algorithm obs: block is given; allowed: no block"),
        ({"algorithm": "n_m_magnitude"}, "algorithm n_m_magnitude: n_m is missing; allowed: e.g. {keep: 2, of: 4}"),
        ({"algorithm": "block_obs", "ratio": 0.5}, "algorithm block_obs: block is missing; allowed: e.g. {rows: 4"),
        (
            {"algorithm": "n_m_obs", "n_m": NOfM(keep=4, of=4)},
            "algorithm n_m_obs: keep is 4 of 4; allowed: 1 to 3",
        ),
        (
            {"algorithm": "n_m_obs", "ratio": 0.5, "n_m": NOfM(keep=2, of=4)},
            "algorithm n_m_obs: ratio is 0.5; allowed: none, n_m says it all",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(fields: dict[str, Any], message: str):
    with pytest.raises(PolicyError, match=message) as caught:
        make_criterion(LayerPolicy(**fields))
    assert "\n" not in str(caught.value)
