"""Policies as files: read, written, refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.errors import PolicyError
from compress.policy import Policy, check_policy, policy_yaml, read_policy
from compress.policy.load import AlgorithmForm

ALGORITHMS = {
    "level": AlgorithmForm(),
    "l1_filter": AlgorithmForm(),
    "n_m_magnitude": AlgorithmForm("n_m", takes_ratio=False),
    "block_magnitude": AlgorithmForm("block"),
}
LAYERS = {"conv1": None, "layer1.0.conv1": None, "fc": None}

ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "algorithm": st.sampled_from(["none", *ALGORITHMS]),
        "ratio": st.floats(0, 1, exclude_max=True),
        "w_bits": st.integers(1, 16),
        "a_bits": st.integers(1, 16),
        "n_m": st.just({"keep": 2, "of": 4}),
        "block": st.just({"rows": 8, "cols": 1}),
    },
)
NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(NAMES, ENTRIES, max_size=4), ENTRIES)
def test_what_is_written_is_read_back(tmp_path_factory, layers, defaults) -> None:
    policy = Policy.model_validate({"layers": layers, "defaults": defaults})
    path = tmp_path_factory.mktemp("p") / "policy.yaml"
    path.write_text(policy_yaml(policy), encoding="utf-8")
    found = read_policy(path).policy
    assert found == policy
    assert all(found.of(name) == policy.of(name) for name in layers)


def test_a_layer_inherits_what_it_does_not_say() -> None:
    policy = Policy.model_validate(
        {
            "defaults": {"algorithm": "level", "ratio": 0.5, "w_bits": 4, "a_bits": 6},
            "layers": {"conv1": {"w_bits": 7}, "fc": {"algorithm": "n_m_obs", "n_m": {"keep": 2, "of": 4}}},
        }
    )
    assert policy.of("conv1").model_dump(exclude_none=True) == {
        "algorithm": "level",
        "ratio": 0.5,
        "w_bits": 7,
        "a_bits": 6,
    }
    assert policy.of("fc").model_dump(exclude_none=True) == {
        "algorithm": "n_m_obs", "ratio": 0.0, "w_bits": 4, "a_bits": 6, "n_m": {"keep": 2, "of": 4},
    }  # fmt: skip
    assert policy.of("other") == policy.defaults


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: {conv1: {ratio: 1.0}}",
         "layers.conv1.ratio: holds 1.0; allowed: a number of at least 0 and below 1"),
        ("layers: {conv1: {w_bits: 0}}", "layers.conv1.w_bits: holds 0; allowed: an integer from 1 to 16"),
        ("layers: {conv1: {abits: 4}}", "layers.conv1.abits: unknown field; did you mean 'a_bits'?"),
        ("schema: 2", "schema: holds 2; allowed: 1"),
        ("coupling: all", "coupling: holds 'all'; allowed: per_layer, joint"),
        ("layers: !!python/object:os.system {}", "the tag '!!python/object:os.system' is not allowed"),
        ("- a", "holds a list; a mapping of fields is needed"),
    ],
)  # fmt: skip
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as error:
        read_policy(path)
    assert re.match(rf"{re.escape(str(path))}:1:\d+: {re.escape(message)}", str(error.value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: {con1: {}}", "layers.con1: is no layer of the network; did you mean 'conv1'?"),
        ("layers: {x: {}}", "layers.x: is no layer of the network; 3 are known, e.g. conv1, layer1.0.conv1, fc"),
        (
            "defaults: {algorithm: levle, ratio: 0.1}",
            "defaults.algorithm: holds 'levle'; did you mean 'level'?; allowed: none, level, l1_filter,",
        ),
        ("defaults: {ratio: 0.5}", "defaults.ratio: holds 0.5, but algorithm 'none' removes nothing; allowed: 0"),
        ("layers: {fc: {algorithm: n_m_magnitude}}",
         "layers.fc.n_m: is missing; algorithm 'n_m_magnitude' needs it"),
        (
            "layers: {fc: {algorithm: n_m_magnitude, n_m: {keep: 4, of: 4}}}",
            "layers.fc.n_m.keep: holds 4; allowed: less than of, 4",
        ),
        (
            "layers: {fc: {algorithm: level, block: {rows: 1, cols: 8}}}",
            "layers.fc.block: has no meaning for algorithm 'level'",
        ),
    ],
)  # fmt: skip
def test_policies_that_do_not_fit(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    found = read_policy(path)
    with pytest.raises(PolicyError) as error:
        check_policy(found.policy, LAYERS, ALGORITHMS, found.document)
    assert re.match(rf"{re.escape(str(path))}:1:\d+: {re.escape(message)}", str(error.value))


def test_all_problems_at_once() -> None:
    policy = Policy.model_validate({"layers": {"a": {}, "b": {}}})
    with pytest.raises(PolicyError) as error:
        check_policy(policy, LAYERS, ALGORITHMS)
    assert len(str(error.value).splitlines()) == 2
