"""A simulated TPU v6e against the real one."""

from __future__ import annotations

import numpy as np

from tests.shared_files import shared_path
from tests.validation.silicon import compare


def test_latency_of_gemms_on_a_tpu_v6e():
    comparison = compare(shared_path("golden/tpu_v6e_gemm.csv"))
    errors = np.abs(comparison.errors)
    assert errors.mean() <= 0.12
    assert errors.max() <= 0.35
    assert 0 < comparison.startup_ns < 2500
