"""Rewrite ``docs/validation.md`` and its pictures from fresh runs: ``make docs``.

Needs the outside results (see ``tests/shared_files.py``); without them it says so and changes nothing.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from accel_sim import Result, gemm, load_hardware, simulate
from accel_sim.plots.style import COMPUTE_COLOUR, GREY, figure, freeze_layout, grid, paper_style, render_png, render_svg
from compress import load_workload
from tests.benchmarks.report import markdown_table
from tests.shared_files import shared_root
from tests.validation.claims import claims_table
from tests.validation.dram import dram_section
from tests.validation.outside_machines import bitfusion_section, dnnsim_section, rtl_section, sigma_section
from tests.validation.silicon import VARIANTS, Comparison, compare

DOCS = Path(__file__).resolve().parents[2] / "docs"
GOLDEN_FILES = ("scalesim_shapes_calc", "scalesim_nets_calc")


def main() -> None:
    """Write the page and its pictures."""
    golden = shared_root() / "golden"
    if not golden.exists():
        sys.exit("outside results not found: set BITGROVE_SHARED to the folder that holds golden/")
    silicon_file = golden / "tpu_v6e_gemm.csv"
    silicon = compare(silicon_file)
    _save("silicon", silicon_plot(silicon))
    page = [
        _HEAD,
        scalesim_section(golden),
        preset_section(),
        stonne_section(golden),
        silicon_section(silicon, {name: compare(silicon_file, fields) for name, fields in VARIANTS.items()}),
        dram_section(golden),
        rtl_section(),
        dnnsim_section(_save),
        bitfusion_section(_save),
        sigma_section(_save),
    ]
    (DOCS / "validation.md").write_text("\n".join(page), encoding="utf-8")
    (DOCS / "literature.md").write_text(literature_page(), encoding="utf-8")


_HEAD = """# Agreement with outside results

Written by `make docs` from fresh runs; do not edit. Every comparison is also a test in `tests/validation/`.
"""


def literature_page() -> str:
    """Published results next to ours."""
    header = ("paper", "figure", "theirs", "ours", "ours / theirs", "tested", "why, where they are far apart")
    return _LITERATURE + markdown_table(header, claims_table()) + "\n"


def published_figures(page: str) -> dict[tuple[str, str], float]:
    """Our figures on the page, by paper and what they are."""
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")][2:]
    return {(row[0].removeprefix("| "), row[1]): float(row[3]) for row in rows}


_LITERATURE = """# Published results next to ours

Written by `make docs` from fresh runs (`tests/validation/claims.py`); do not edit. One set of energy tables for
all of them, nothing tuned to any paper. What a paper compares is built from this project's machines: the same
multiplications per cycle, the published precisions, its node; ratios of speed and energy say how much better the
paper's machine is than its baseline. Figures are from abstracts; *recalled* ones are from memory and should be looked
up before they are quoted. Where the two are more than 25 % apart, the reason is given. The column *tested* holds the
ratios that the tests allow: around the paper's figure where ours is near, else around the ratio that was explained.

"""


def scalesim_section(golden: Path) -> str:
    """How many rows of SCALE-Sim's results agree, exactly."""
    lines = [
        "## SCALE-Sim 3.0.0",
        "",
        "Bandwidth mode CALC, eight array sizes, `preset: scalesim`. A row agrees if the cycles (theirs + 1: SCALE-Sim",
        "reports the total less one), the reads of the activation SRAM and those of the weight SRAM are all equal.",
        "",
        "| file | dataflow | rows | agree |",
        "|---|---|---:|---:|",
    ]
    for name in GOLDEN_FILES:
        with (golden / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        for dataflow in ("os", "ws", "is"):
            mine = [row for row in rows if row["dataflow"] == dataflow]
            agree = sum(_scalesim_row_agrees(row) for row in mine)
            lines.append(f"| {name} | {dataflow} | {len(mine)} | {agree} |")
    return "\n".join(lines) + "\n"


def _scalesim_row_agrees(row: dict[str, str]) -> bool:
    overrides = {
        "preset": "scalesim",
        "array.rows": int(row["array_rows"]),
        "array.cols": int(row["array_cols"]),
        "array.dataflow": row["dataflow"],
    }
    work = gemm(m=int(row["M"]), n=int(row["N"]), k=int(row["K"]))
    total = simulate(work, load_hardware("dense_int8_16x16", overrides)).total
    ours = (total.cycles.total, total.sram.activations.read_bytes, total.sram.weights.read_bytes)
    return ours == (int(row["total_cycles"]) + 1, int(row["ifmap_sram_reads"]), int(row["filter_sram_reads"]))


def preset_section() -> str:
    """The default machine beside the preset, and why they differ."""
    work = load_workload("torchvision:resnet50")
    lines = [
        "## The default beside `preset: scalesim`",
        "",
        "ResNet-50, 224×224, one image, on `dense_int8_32x32` with each dataflow. The default is what hardware does:",
        "",
        "* the next fold's weights are loaded into shadow registers while this one streams (`fold_overlap: preload`),",
        "  where SCALE-Sim lets folds follow one another; this makes ws and is faster;",
        "* an output-stationary array must shift its results out (`os_drain`), which SCALE-Sim leaves out; with the",
        "  shadow registers nearly all of it is hidden;",
        "* SRAM capacity cuts layers into tiles, so that a fold streams fewer rows and its fill and drain weigh more;",
        "* SRAM ports and DRAM have finite bandwidth: cycles lost to them are stalls.",
        "",
        "| dataflow | cycles, preset | cycles, default | of these stalls | default / preset |",
        "|---|---:|---:|---:|---:|",
    ]
    for dataflow in ("ws", "os", "is"):
        preset = _cycles(simulate(work, _resnet_machine(dataflow, {"preset": "scalesim"})))
        default = simulate(work, _resnet_machine(dataflow, {}))
        cycles, stall = _cycles(default), default.total.cycles.stall
        lines.append(f"| {dataflow} | {preset:,} | {cycles:,} | {stall:,} | {cycles / preset:.3f} |")
    return "\n".join(lines) + "\n"


def _resnet_machine(dataflow: str, overrides: dict[str, str]):  # type: ignore[no-untyped-def]
    name = {"ws": "dense_int8_32x32", "os": "dense_int8_32x32_os", "is": "dense_int8_32x32_is"}[dataflow]
    return load_hardware(name, overrides)


def _cycles(result: Result) -> int:
    return result.total.cycles.total


def stonne_section(golden: Path) -> str:
    """What is compared with STONNE, in words; the numbers are the test's."""
    with (golden / "stonne_tpu_os.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["op"] == "gemm"]
    free = [row for row in rows if int(row["dn_bw"]) >= int(row["array_rows"]) + int(row["array_cols"])]
    return "\n".join(
        [
            "## STONNE (commit 22634b8), output-stationary mesh",
            "",
            f"{len(free)} of {len(rows)} GEMM rows are not limited by that machine's read ports; on all of these",
            "cycles and SRAM reads agree exactly with `edge_folds: used`, `os_drain: false`, `fold_overlap: none`, but",
            "for STONNE's own constant per tile (5 cycles, 4 where one side of the tile is 1).",
            "`tests/validation/test_stonne.py` checks each.",
            "",
        ]
    )


def silicon_section(comparison: Comparison, variants: Mapping[str, Comparison]) -> str:
    """Errors against the TPU, and those of what the machine may look like besides."""
    errors = 100 * abs(comparison.errors)
    lines = [
        "## Silicon: GEMMs on a TPU v6e",
        "",
        "Latencies of 16-bit GEMMs on `tpu_v6e_like` against those measured on a TPU v6e (published in the validation",
        "folder of PSAL-POSTECH/PyTorchSim). One start-up latency, the median difference of the four shortest rows, is",
        f"added to all: {comparison.startup_ns:.0f} ns. Nothing else is fitted.",
        "",
        f"Mean absolute error **{errors.mean():.1f} %**, median {sorted(errors)[len(errors) // 2]:.1f} %,"
        f" worst {errors.max():.1f} %, {len(errors)} shapes.",
        "",
        "![simulated against measured latency](pictures/silicon.svg)",
        "",
        "Two things about the machine are not public, and were chosen with the measurements in sight, so these errors",
        "say less than those of a machine that was known beforehand. All four combinations, in percent:",
        "",
        markdown_table(("machine", "mean", "worst"), [_variant(name, one) for name, one in variants.items()]),
        "",
        "With `preload`, the fill of each fold costs as much as its streaming at 512 to 1,024 rows with a large K, too",
        "long by up to 36 %. With `full` and double-buffered outputs transfers hide behind computation where they do",
        "not on the real chip: its operands fit on chip there, and its time is the sum of both.",
        "",
        "| M | N | K | measured ns | simulated ns | error % |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for (m, n, k), measured, ours, error in zip(
        comparison.shapes, comparison.silicon_ns, comparison.ours_ns, comparison.errors, strict=True
    ):
        lines.append(f"| {m} | {n} | {k} | {measured:,.0f} | {ours:,.0f} | {100 * error:+.1f} |")
    return "\n".join(lines) + "\n"


def _variant(name: str, comparison: Comparison) -> tuple[str, str, str]:
    errors = 100 * abs(comparison.errors)
    return name, f"{errors.mean():.1f}", f"{errors.max():.1f}"


def silicon_plot(comparison: Comparison) -> Figure:
    """Simulated against measured latency, log-log."""
    with paper_style():
        fig = figure(3.5, 3.3)
        ax = fig.subplots()
        low, high = comparison.silicon_ns.min() / 1500, comparison.silicon_ns.max() / 600
        ax.fill_between([low, high], [0.8 * low, 0.8 * high], [1.2 * low, 1.2 * high], color="#E5E5E5", label="±20 %")
        ax.plot([low, high], [low, high], color=GREY, linewidth=0.8, label="equal")
        ax.scatter(
            comparison.silicon_ns / 1e3,
            comparison.ours_ns / 1e3,
            s=14,
            color=COMPUTE_COLOUR,
            edgecolors="white",
            linewidths=0.4,
            zorder=3,
            label=f"{len(comparison.shapes)} GEMMs",
        )
        ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_formatter(lambda *_: "")
        ax.set_xlabel("Measured on a TPU v6e, µs")
        ax.set_ylabel("Simulated, tpu_v6e_like, µs")
        ax.set_title(f"Mean absolute error {100 * abs(comparison.errors).mean():.1f} %")
        grid(ax, "both")
        ax.legend(loc="upper left")
    return fig


def _save(name: str, fig: Figure) -> None:
    pictures = DOCS / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    with paper_style():
        freeze_layout(fig)
        (pictures / f"{name}.svg").write_bytes(render_svg(fig))
        (pictures / f"{name}.png").write_bytes(render_png(fig))


if __name__ == "__main__":
    main()
