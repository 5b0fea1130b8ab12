"""One case through the engine and through the page."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from accel_sim.reference import run_reference
from tests.unit.reference.cases import Case
from tests.unit.reference.page import predict


def check_case(case: Case) -> None:
    """Outputs, cycles, intervals and counts agree; multiplications are conserved."""
    run = run_reference(case.activations, case.weights, case.spec, pace=case.pace, segment=case.segment)
    page = predict(case.activations, case.weights, case.spec, case.pace, case.segment)
    assert np.array_equal(run.outputs, case.activations @ case.weights)
    assert run.cycles == page.cycles
    assert [tuple(x) for x in run.streams.tolist()] == page.streams
    if case.spec.dataflow == "os":
        assert [tuple(x) for x in run.drains.tolist()] == page.drains
    else:
        assert [tuple(x) for x in run.loads.tolist()] == page.loads
    counts = asdict(run.counts)
    macs = counts.pop("macs")
    groups, m, k = case.activations.shape
    assert macs["total"] == groups * m * k * case.weights.shape[2]
    assert macs["total"] == macs["effectual"] + macs["gated"] + macs["skipped"]
    for kind in ("effectual", "gated", "skipped"):
        assert macs[kind] == page.counts[kind], kind
    assert counts == {name: page.counts[name] for name in counts}
