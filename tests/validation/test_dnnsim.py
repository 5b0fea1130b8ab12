"""DNNsim's bit-serial machines: its compute cycles from our beats, and our systolic array beside it. See README.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accel_sim.reference import run_reference
from tests.validation.dnnsim import (
    TILE,
    booth_like_terms,
    compute_cycles,
    machine_operands,
    operands,
    reason_to_leave_out,
    specs,
    step_beats,
)
from tests.validation.golden import golden_rows

ARCHITECTURES = ("DaDianNao", "Stripes", "ShapeShifter", "Loom", "BitPragmatic", "Laconic")


def rows(architecture: str) -> list[dict[str, str]]:
    every = [row for row in golden_rows("dnnsim_cycles") if row["base_arch"] == architecture]
    return [row for row in every if reason_to_leave_out(row) is None]


def name(row: dict[str, str]) -> str:
    return f"{row['trace']} {row['arch']} {row['layer']}"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compute_cycles_follow_from_our_beats(architecture):
    compared = rows(architecture)
    assert compared
    ours = {name(row): compute_cycles(row) for row in compared}
    theirs = {name(row): int(row["compute_cycles"]) for row in compared}
    assert ours == theirs


def test_left_out_are_only_the_faulty_and_the_other_mechanisms():
    left_out = [row for row in golden_rows("dnnsim_cycles") if reason_to_leave_out(row)]
    for row in left_out:
        faulty_linear = row["layer"].startswith("fc") and row["base_arch"] in {"Loom", "ShapeShifter"}
        assert faulty_linear or row["base_arch"] == "SCNN" or "tactical" in row["params"]
    assert len(left_out) < 0.3 * len(golden_rows("dnnsim_cycles"))


def test_shapeshifter_trims_no_low_bits_in_these_traces():
    """Its `minor_bit` drops low bits that are zero in a whole group; here every group holds an odd value."""
    for row in rows("ShapeShifter"):
        if "minor_bit" in row["params"]:
            values = operands(row).activations.reshape(-1, operands(row).activations.shape[1] // TILE, TILE)
            for start in range(0, len(values), TILE):
                assert (values[start : start + TILE] % 2).any(axis=(0, 2)).all()


@pytest.mark.parametrize("architecture", ["DaDianNao", "Stripes", "ShapeShifter", "BitPragmatic", "Laconic"])
def test_systolic_array_adds_only_fill_and_drain(architecture):
    """The reference engine runs the same groups as a systolic array, folds overlapped: with all rows in one sync group
    the array takes DNNsim's cycles and the skew of its far corner, and its products are exact."""
    for row in rows(architecture):
        machine = specs(row)
        if not row["layer"].startswith("conv") or "column_registers" in row["params"]:
            continue
        layer = machine_operands(row)
        run = run_reference(layer.activations, layer.weights, machine[0])
        assert run.cycles == int(row["compute_cycles"]) + 2 * (TILE - 1), name(row)
        np.testing.assert_array_equal(run.outputs, layer.activations @ layer.weights)


def test_systolic_loom_with_both_operands_cut_to_their_widths():
    for row in rows("Loom"):
        if "dynamic_weights" in row["params"]:
            layer = operands(row)
            spec = replace(specs(row)[0], arithmetic="serial_both")
            cycles = run_reference(layer.activations, layer.weights, spec).cycles
            assert cycles == int(row["compute_cycles"]) + 2 * (TILE - 1), name(row)


def test_rows_that_run_apart_hide_part_of_the_longest_beat():
    """A FIFO between rows does for our array what a run-ahead register does for Pragmatic: rows need not agree on each
    beat, so both take less than with one sync group; never less than a row alone, which starts r cycles late here."""
    for row in rows("BitPragmatic"):
        if "column_registers" not in row["params"] or row["layer"].startswith("fc"):
            continue
        layer, (machine,) = machine_operands(row), specs(row)
        beats = step_beats(layer, machine)
        alone, together = beats.sum(axis=0), int(beats.max(axis=1).sum())
        assert alone.max() <= int(row["compute_cycles"]) < together, name(row)
        cycles = run_reference(layer.activations, layer.weights, machine).cycles
        skew = TILE - 1
        assert (alone + np.arange(TILE)).max() + skew <= cycles < together + 2 * skew, name(row)


def test_canonical_digits_never_take_more_terms_than_booth_like_ones():
    values = np.arange(1 << 15)
    canonical = values ^ (3 * values)  # a set bit for every non-zero digit, one position up
    theirs = np.bitwise_count(booth_like_terms(values))
    assert (np.bitwise_count(canonical) <= theirs).all()
    assert (theirs <= np.bitwise_count(values)).all()
    assert (theirs[:256] != np.bitwise_count(canonical[:256])).sum() == 22
