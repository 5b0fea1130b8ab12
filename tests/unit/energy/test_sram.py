from __future__ import annotations

import csv
import itertools

import numpy as np
import pytest

from accel_sim.energy import TABLES_DIR
from accel_sim.energy.sram import CELLS, PORTS, sram_estimate
from accel_sim.energy.sram_grid import QUANTITIES, SramGrid, read_macros
from accel_sim.errors import InputError
from tests.shared_files import shared_path
from tests.unit.energy.derive_sram_table import VARIANTS, derive

SHIPPED = TABLES_DIR / "sram_cacti.csv"


def test_every_shipped_macro_is_reproduced():
    geometry, measured = read_macros(SHIPPED)
    for row in range(0, len(geometry), 7):
        size, width, banks, node = geometry[row]
        for variant, values in measured.items():
            cell, ports = variant.split("_")
            temperature = 300.0 if cell == "lstp" else 360.0
            got = sram_estimate(size / 1024, int(width), int(banks), int(node), cell, ports, temperature)
            read, write, sub, gate, area, access = values[row]
            expected = (read, write, banks * (sub + gate), area, access)
            assert tuple(got.to_dict().values()) == pytest.approx(expected, rel=1e-5)


def test_published_points():
    """Leakage of 64 KB at 45 nm: 69 mW hp at 360 K, 4.3 lop, 0.0017 lstp at 300 K; read energies of 64-bit words."""
    for cell, temperature, leakage in (("hp", 360.0, 69.0), ("lop", 360.0, 4.27), ("lstp", 300.0, 0.00169)):
        assert sram_estimate(64, 64, 1, 45, cell, "1rw", temperature).leakage_mw == pytest.approx(leakage, rel=0.01)
    reads = [sram_estimate(kib, 64, 1, 45, cell).read_pj for cell in ("lstp", "hp", "lop") for kib in (8, 32, 1024)]
    assert reads == pytest.approx([6.1, 17, 93.5, 5.3, 14.9, 67.7, 3.2, 7.2, 41.8], rel=0.02)


def test_shipped_table_is_what_the_script_derives():
    assert SHIPPED.read_text().splitlines() == derive(shared_path("golden/cacti_sram.csv"))
    assert SHIPPED.stat().st_size < 300 * 1024


def test_leave_out_error_against_cacti():
    """A tenth of the geometries at a time is left out and predicted from the others: medians below 5 %."""
    geometry, measured = read_macros(SHIPPED)
    fold = np.random.default_rng(0).integers(0, 10, len(geometry))
    errors: dict[str, list[np.ndarray]] = {variant: [] for variant in VARIANTS}
    for left_out in range(10):
        kept = fold != left_out
        grid = SramGrid.build(geometry[kept], {name: values[kept] for name, values in measured.items()})
        for row in np.flatnonzero(~kept)[::6]:
            size, width, banks, node = geometry[row]
            for variant in VARIANTS:
                got = grid.at_node(size, width, banks, int(node), variant)
                errors[variant].append(np.exp(np.abs(np.log(got / measured[variant][row]))) - 1)
    for variant, rows in errors.items():
        medians = dict(zip(QUANTITIES, np.median(rows, axis=0), strict=True))
        assert max(medians.values()) < 0.05, (variant, medians)
        assert np.max(rows) < 1.0, variant


def test_missing_port_counts_follow_lstp():
    """CACTI did run hp with one read and one write port: the rule by which lop's are derived is right within 5 %."""
    geometry, measured = read_macros(SHIPPED)
    actual = measured.pop("hp_1r1w")
    grid = SramGrid.build(geometry, measured)
    rows = range(0, len(geometry), 11)
    errors = [np.abs(grid.at_node(*geometry[r][:3], int(geometry[r][3]), "hp_1r1w") / actual[r] - 1) for r in rows]
    assert np.median(errors, axis=0).max() < 0.05


def _grid_of_sizes():
    sizes = (0.01, 0.5, 1, 3, 24, 100, 4096, 5000, 131072)
    return itertools.product(sizes, (1, 8, 40, 512, 4096), (1, 3, 32, 1000), (7, 28, 45, 180))


@pytest.mark.parametrize(("cell", "ports"), list(itertools.product(CELLS, PORTS)))
def test_any_size_has_a_finite_positive_answer(cell: str, ports: str):
    for kib, width, banks, node in _grid_of_sizes():
        estimate = sram_estimate(kib, width, banks, node, cell, ports, 330.0)
        values = np.array(list(estimate.to_dict().values()))
        assert np.isfinite(values).all()
        assert (values > 0).all()


def test_growth_holds_over_large_steps():
    """CACTI is not monotone from one size to the next; over a factor of four it is."""
    for node in (7, 22, 45, 90, 130):
        for banks in (1, 16, 256):
            sizes = [sram_estimate(4**step, 64, banks, node) for step in range(1, 10)]
            for field in ("area_mm2", "leakage_mw"):
                values = [getattr(size, field) for size in sizes]
                assert values == sorted(values), (node, banks, field)
            reads = [size.read_pj for size in sizes]
            assert all(later > 0.99 * sooner for sooner, later in itertools.pairwise(reads)), (node, banks, reads)
        widths = [sram_estimate(4096, width, 16, node).read_pj for width in (8, 32, 128, 512, 2048)]
        assert widths == sorted(widths)


def test_no_jump_at_the_edges_of_cactis_range():
    def ratio(low: tuple[float, int, int, float], high: tuple[float, int, int, float]) -> float:
        return sram_estimate(*high).read_pj / sram_estimate(*low).read_pj

    assert ratio((4096, 64, 16, 45), (4097, 64, 16, 45)) == pytest.approx(1, abs=0.01)
    assert ratio((2048, 512, 16, 45), (2048, 513, 16, 45)) == pytest.approx(1, abs=0.01)
    assert ratio((2048, 64, 16, 22), (2048, 64, 16, 21.99)) == pytest.approx(1, abs=0.01)


def test_large_memories_are_put_together_as_documented():
    half, whole, many = (
        sram_estimate(*size, 45).to_dict() for size in ((1024, 64, 32), (2048, 64, 64), (4096, 64, 128))
    )
    for count, split in ((2, whole), (4, many)):
        factors = {"read_pj": 1, "write_pj": 1, "leakage_mw": count, "area_mm2": count, "access_ns": 1}
        assert split == pytest.approx({name: half[name] * factor for name, factor in factors.items()})
    narrow, lockstep = (sram_estimate(*size, 45).to_dict() for size in ((512, 512, 16), (1024, 1024, 16)))
    factors = {"read_pj": 2, "write_pj": 2, "leakage_mw": 2, "area_mm2": 2, "access_ns": 1}
    assert lockstep == pytest.approx({name: narrow[name] * factor for name, factor in factors.items()})
    largest, beyond = (sram_estimate(kib, 64, 16, 45).to_dict() for kib in (4096, 16384))
    factors = {"read_pj": 4**0.54, "write_pj": 4**0.54, "leakage_mw": 4, "area_mm2": 4, "access_ns": 2}
    assert beyond == pytest.approx({name: largest[name] * factor for name, factor in factors.items()})


def test_small_memories_are_the_smallest_macro():
    assert sram_estimate(0.25, 32, 1, 45) == sram_estimate(1, 32, 1, 45)
    assert sram_estimate(1, 64, 16, 45) == sram_estimate(4, 64, 16, 45)  # 32 words per bank
    byte, word = sram_estimate(64, 8, 1, 45), sram_estimate(64, 32, 1, 45)
    assert byte.read_pj == pytest.approx(word.read_pj * 0.25**0.6)
    assert byte.area_mm2 == word.area_mm2


def test_leakage_rises_with_temperature_alone():
    for cell in CELLS:
        cold, hot = (sram_estimate(64, 64, 1, 45, cell, "1rw", t) for t in (300.0, 380.0))
        assert hot.leakage_mw > 1.5 * cold.leakage_mw
        assert hot.read_pj == cold.read_pj


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 64, 1, 45), "kib: holds 0"),
        ((64, -1, 1, 45), "word_bits: holds -1"),
        ((float("nan"), 64, 1, 45), "kib: holds nan"),
        ((64, 64, 1, 45, "lpo"), "cell: holds 'lpo'.*did you mean 'lop'"),
        ((64, 64, 1, 45, "lop", "3rw"), "ports: holds '3rw'; allowed: 1rw, 1r1w, 2rw"),
    ],
)
def test_bad_arguments(arguments: tuple, message: str):
    with pytest.raises(InputError, match=message):
        sram_estimate(*arguments)


def test_header_says_where_the_rows_come_from():
    with SHIPPED.open() as stream:
        assert "CACTI 7" in stream.readline()
        rows = list(csv.reader(line for line in stream if not line.startswith("#")))
    assert len(rows) == 1190


def test_another_supply():
    """Twice CACTI's 0.7 V: energies by the square, leakage above it, area and time as they are."""
    nominal, same, double = (sram_estimate(64, 64, 4, 45, voltage_v=volts) for volts in (None, 0.7, 1.4))
    assert same == nominal
    assert (double.read_pj, double.write_pj) == pytest.approx((4 * nominal.read_pj, 4 * nominal.write_pj))
    assert double.leakage_mw > 4 * nominal.leakage_mw
    assert (double.area_mm2, double.access_ns) == (nominal.area_mm2, nominal.access_ns)
