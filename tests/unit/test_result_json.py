"""What is read back is what was written."""

from __future__ import annotations

import json

import pytest

from accel_sim import gemm, load_hardware, simulate
from accel_sim.result_json import layer_from_dict


def test_a_layer_survives_its_json() -> None:
    (layer,) = simulate(gemm(m=20, n=30, k=40), load_hardware("dense_int8_8x8")).layers
    tree = json.loads(json.dumps(layer.to_dict()))
    assert layer_from_dict({**tree, "added_later": 1}).to_dict() == tree
    del tree["dram"]["activates"]
    with pytest.raises(KeyError, match="activates"):
        layer_from_dict(tree)
