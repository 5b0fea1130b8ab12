"""A machine is worked out once for equal hardware, and anew for any other."""

from __future__ import annotations

from accel_sim.machine import build_machine
from tests.machines import machine


def test_equal_hardware_shares_a_machine():
    assert build_machine(machine()) is build_machine(machine())


def test_any_field_makes_another_machine():
    small, renamed = build_machine(machine()), build_machine(machine(name="other"))
    older = build_machine(machine(technology={"node_nm": 90, "voltage_v": 1.0}))
    cheap = build_machine(machine(energy={"overrides": {"register_pj_per_bit": 0.0}}))
    assert renamed.hardware.name == "other"
    assert renamed.content_hash == small.content_hash
    assert older.area.total > small.area.total
    assert cheap.energy.register_pj_per_bit == 0.0 < small.energy.register_pj_per_bit
