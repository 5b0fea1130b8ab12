"""What corresponds between STONNE's SIGMA and our arrays: which zeros save anything at all. See README.md."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from accel_sim.reference import ArraySpec, run_reference
from tests.validation.golden import golden_rows
from tests.validation.sigma import sigma_gains, speedups


def test_zeros_of_the_moving_operand_save_no_cycle_in_either():
    """SIGMA streams them like any value; so does a gated array."""
    cycles = defaultdict(dict)
    for row in golden_rows("stonne_sigma_sparse"):
        resting, moving = ("mk", "kn") if row["dataflow"] == "MK_STA_KN_STR" else ("kn", "mk")
        machine = (row["case"], row["dataflow"], row["num_ms"], row["dn_bw"], row[f"{resting}_sparsity_req"])
        if row["dataflow"] == "MK_STA_KN_STR":  # there each resting operand is one draw, shared by the group
            cycles[machine][row[f"{moving}_sparsity_req"]] = int(row["cycles"])
    for machine, by_zeros in cycles.items():
        assert max(by_zeros.values()) <= min(by_zeros.values()), machine
    generator = np.random.default_rng(0)
    a, w = generator.integers(1, 256, (17, 65)), generator.integers(1, 128, (65, 33))
    spec = ArraySpec(rows=8, cols=8, activation_sparsity="gate")
    zeros = a * (generator.random(a.shape) < 0.1)
    assert run_reference(zeros, w, spec).cycles == run_reference(a, w, spec).cycles


def test_sigma_does_the_multiplications_that_we_do_not_gate():
    """Its n_mult leaves out the pairs whose resting value is zero: our effectual ones under ``gate``."""
    seen = set()
    for row in golden_rows("stonne_sigma_sparse"):
        m, n, k, multiplications = (int(row[key]) for key in ("M", "N", "K", "n_mult"))
        case = (row["case"], row["mk_sparsity_req"])
        if row["dataflow"] != "MK_STA_KN_STR" or case in seen:
            continue
        seen.add(case)
        non_zero, remainder = divmod(multiplications, n)
        assert remainder == 0
        resting = (np.arange(m * k) < non_zero).astype(np.int64).reshape(m, k)
        spec = ArraySpec(rows=16, cols=16, dataflow="is", activation_sparsity="gate")
        macs = run_reference(resting, np.ones((k, n), np.int64), spec).counts.macs
        assert (macs.effectual, macs.gated) == (multiplications, m * n * k - multiplications)
    assert len(seen) >= 12


def test_an_unstructured_systolic_array_gains_less_than_a_crossbar():
    """Our gain is bounded by what is left of the work, and a column-combined array stays below that bound."""
    for point in speedups(64, 64, 64, (0.5, 0.75, 0.9, 0.95)):
        assert 1.0 <= point.gain["skip_rows"] <= point.gain["pack_columns"] <= 1 / (1 - point.zeros)
    assert {gain.zeros for gain in sigma_gains(golden_rows("stonne_sigma_sparse"))} >= {0.5, 0.75, 0.9}
