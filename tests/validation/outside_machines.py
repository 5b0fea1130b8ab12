"""Sections and pictures of ``docs/validation.md`` for the bit-serial, fused and sparse machines of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from accel_sim.plots.style import GREY, KIND_STYLES, figure, grid, paper_style
from accel_sim.reference import run_reference
from tests.validation.bitfusion import best_cycles, lane_factor, layer_compute_cycles, layer_of
from tests.validation.bitfusion_machine import fused_cycles
from tests.validation.dnnsim import compute_cycles, machine_operands, reason_to_leave_out, specs
from tests.validation.golden import golden_rows
from tests.validation.sigma import SCHEMES, sigma_gains, speedups

__all__ = ["bitfusion_section", "dnnsim_section", "rtl_section", "sigma_section"]

MARKERS = tuple(KIND_STYLES.values())  # four markers and colours that stay apart
SaveFigure = Callable[[str, Figure], None]
FIFO_DEPTHS = (1, 4)
SHARES = (0.25, 0.5, 0.75, 0.9, 0.95)


def rtl_section() -> str:
    """The Verilog measurements, counted."""
    systolic, macs, bitlet = (golden_rows(name) for name in ("rtl_ws_systolic", "rtl_mac_cycles", "rtl_bitlet_ce"))
    bitsys = sum(row["design"] == "BitSys_MAC" for row in macs)
    return "\n".join(
        [
            "## Verilog: systolic array and MAC units",
            "",
            "| what | rows | compared | agreement |",
            "|---|---:|---|---|",
            f"| weight-stationary array, bit-parallel and bit-serial | {len(systolic)} | cycles, products | exact |",
            f"| MAC units: 1D serial, 2D serial, BitFusion | {len(macs) - bitsys} | beats + 2 registers | exact |",
            f"| BitSys MAC | {bitsys} | K / products + its depth of 21 | exact; packs less than 16 bricks |",
            f"| Bitlet compute engine | {len(bitlet)} | terms; window steps | exact; cycles differ in kind |",
            "",
            "`tests/validation/README.md` says how each unit works and why Bitlet's cycles are not ours.",
            "",
        ]
    )


@dataclass(frozen=True)
class DnnsimPoint:
    """One convolution: DNNsim's compute cycles and ours, with one sync group and by FIFO depth with rows apart."""

    machine: str
    theirs: int
    together: int
    apart: dict[int, int]


def dnnsim_section(save: SaveFigure) -> str:
    """Rows by architecture, with what the systolic array adds and what elastic rows save."""
    rows = golden_rows("dnnsim_cycles")
    points = _dnnsim_points()
    save("dnnsim", _dnnsim_plot(points))
    lines = [
        "## DNNsim: Stripes, ShapeShifter, Loom, Pragmatic, Laconic",
        "",
        "Compute cycles of its 16 × 16 × 16 tile from our beats, layer by layer, on its own operands. Left out: rows",
        "that its code counts wrongly (flagged in the file), Bit-Tactical and SCNN, which are other mechanisms.",
        "",
        "| architecture | rows | left out | agree exactly |",
        "|---|---:|---:|---:|",
    ]
    for architecture in dict.fromkeys(row["base_arch"] for row in rows):
        mine = [row for row in rows if row["base_arch"] == architecture]
        compared = [row for row in mine if reason_to_leave_out(row) is None]
        agree = sum(compute_cycles(row) == int(row["compute_cycles"]) for row in compared)
        lines.append(f"| {architecture} | {len(mine)} | {len(mine) - len(compared)} | {agree} |")
    return "\n".join(lines) + _DNNSIM_TEXT


_DNNSIM_TEXT = """

![our systolic array beside DNNsim's tile](pictures/dnnsim.svg)

Left: the reference engine runs the same convolutions on a 16 × 16 output-stationary array with 16 lanes whose rows are
one sync group: DNNsim's cycles plus 30, the skew to the far corner, on every one. Right: the same array with rows that
agree on nothing (`sync_rows: 1`), skew included: much of each beat's slowest row is hidden, a little more by deeper
FIFOs; the shortest layers do not win the 30 cycles back. DNNsim's machines have no such elasticity, but for
Pragmatic's run-ahead registers.
"""


def _dnnsim_points() -> list[DnnsimPoint]:
    names = {
        "DaDianNao": "DaDianNao",
        "Stripes": "Stripes",
        "ShapeShifter_g16": "ShapeShifter",
        "Loom_g16_dynw": "Loom",
        "Pragmatic_L2": "Pragmatic, L = 2",
        "Laconic": "Laconic",
    }
    points = []
    for row in golden_rows("dnnsim_cycles"):
        if row["arch"] not in names or not row["layer"].startswith("conv"):
            continue
        machine = specs(row)[0]
        if row["arch"].startswith("Loom"):
            machine = replace(machine, arithmetic="serial_both", digit_bits=1)
        layer = machine_operands(row)
        apart = {}
        if row["arch"] in {"Pragmatic_L2", "Laconic"}:
            for depth in FIFO_DEPTHS:
                spec = replace(machine, sync_rows=1, fifo_depth=depth)
                apart[depth] = run_reference(layer.activations, layer.weights, spec).cycles
        together = run_reference(layer.activations, layer.weights, machine).cycles
        points.append(DnnsimPoint(names[row["arch"]], int(row["compute_cycles"]), together, apart))
    return points


def _dnnsim_plot(points: list[DnnsimPoint]) -> Figure:
    with paper_style():
        fig = figure(7.16, 3.1)
        left, right = fig.subplots(1, 2)
        machines = list(dict.fromkeys(point.machine for point in points))
        markers = ("x", "+", "s", "D", "o", "^")
        colours = (GREY, "#000000", "#009E73", "#E69F00", "#0072B2", "#D55E00")
        low, high = 25, 40000
        left.plot([low, high], [low, high], color=GREY, linewidth=0.8, zorder=1)
        for machine, marker, colour in zip(machines, markers, colours, strict=True):
            mine = [point for point in points if point.machine == machine]
            style = {"marker": marker, "color": colour, "s": 18, "linewidths": 0.9, "label": machine}
            if marker not in "x+":
                style |= {"facecolors": "none", "edgecolors": colour}
            left.scatter([p.theirs for p in mine], [p.together for p in mine], **style)
        _logarithmic(left, (low, high), "DNNsim, compute cycles", "One sync group, reference engine, cycles")
        left.set_title("Same groups, same beats")
        left.legend(loc="upper left")
        _elastic_panel(right, points)
    return fig


def _elastic_panel(ax: Axes, points: list[DnnsimPoint]) -> None:
    elastic = list(dict.fromkeys(point.machine for point in points if point.apart))
    for group, (machine, (marker, colour)) in enumerate(zip(elastic, MARKERS, strict=False)):
        mine = [point for point in points if point.machine == machine]
        for place, depth in enumerate(FIFO_DEPTHS):
            x = 2 * group + place
            ratios = [point.apart[depth] / point.theirs for point in mine]
            spread = [x + 0.03 * (i - len(ratios) / 2) for i in range(len(ratios))]
            label = machine if place == 0 else None
            style = {"marker": marker, "color": colour, "s": 15, "edgecolors": "white", "linewidths": 0.4}
            ax.scatter(spread, ratios, label=label, zorder=3, **style)
            middle = sorted(ratios)[len(ratios) // 2]
            ax.plot([x - 0.35, x + 0.35], [middle, middle], color="#000000", linewidth=1.0, zorder=4)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.set_xticks(range(2 * len(elastic)), [f"FIFO depth {depth}" for depth in FIFO_DEPTHS] * len(elastic))
    ax.set_ylabel("Cycles / DNNsim's compute cycles")
    ax.set_title("Each row on its own (bar: median)")
    grid(ax, "y")
    ax.legend(loc="upper right")


def bitfusion_section(save: SaveFigure) -> str:
    """Compute and stall cycles of its table, and speed-ups over 8 bits."""
    rows = golden_rows("bitfusion_layers")
    both = sum(
        best_cycles(layer_of(row)) == (int(row["cycles"]) - int(row["mem_stall_cycles"]), int(row["mem_stall_cycles"]))
        for row in rows
    )
    untiled = sum(
        layer_compute_cycles(layer_of(row)) == int(row["cycles"]) - int(row["mem_stall_cycles"]) for row in rows
    )
    points = _bitfusion_points(rows)
    save("bitfusion", _bitfusion_plot(points))
    ratios = sorted(ours / theirs for _, theirs, ours in points)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}, median {ratios[len(ratios) // 2]:.2f}"
    return _BITFUSION_TEXT.format(layers=len(rows), both=both, untiled=untiled, spread=spread)


_BITFUSION_TEXT = """## BitFusion's own model

{layers} layers, 8/4/2/1 bits, 16 × 32 PEs of 16 bricks. With our lanes per fused PE in its organisation, its choice of
tiles included, compute and stall cycles are equal in **{both}** of them. The formula of a whole layer,
`B·OH·OW·KH·KW·ceil(OC/M)·ceil(IC/(N·f))` (kernel positions inside the last ceiling for the layer that reads the image),
alone gives {untiled}: the rest are padded by tiles.

![speed-up over 8 bits, BitFusion's model and ours](pictures/bitfusion.svg)

Speed-up of a layer's bits over 8 bits, compute only. Where N·f lanes divide the channels, our array takes BitFusion's
cycles and one load and fill (62). It differs in two ways: BitFusion takes one kernel position at a time, so few
channels leave lanes idle, where our K runs through positions and channels; and a layer of few folds (10 outputs, 16
images) shows our load and fill, which BitFusion's model leaves out. Ours over theirs: {spread}.
"""


def _bitfusion_points(rows: Iterable[dict[str, str]]) -> list[tuple[int, float, float]]:
    """(lane factor, their speed-up, ours) of each layer that is not at 8 bits."""
    points = []
    for layer in dict.fromkeys(layer_of(row) for row in rows):
        factor = lane_factor(layer.a_bits, layer.w_bits)
        if factor == 1:
            continue
        theirs = layer_compute_cycles(replace(layer, a_bits=8, w_bits=8)) / layer_compute_cycles(layer)
        m, n = layer.batch * layer.out**2, layer.out_channels
        k = layer.kernel**2 * layer.in_channels
        ours = fused_cycles(m, n, k, 8, 8) / fused_cycles(m, n, k, layer.a_bits, layer.w_bits)
        points.append((factor, theirs, ours))
    return points


def _bitfusion_plot(points: list[tuple[int, float, float]]) -> Figure:
    with paper_style():
        fig = figure(3.5, 3.1)
        ax = fig.subplots()
        limits = (1.4, 22.0)
        ax.plot(limits, limits, color=GREY, linewidth=0.8, label="equal")
        for factor, (marker, colour) in zip(sorted({p[0] for p in points}), MARKERS, strict=False):
            mine = [p for p in points if p[0] == factor]
            style = {"marker": marker, "facecolors": "none", "edgecolors": colour, "s": 22, "linewidths": 0.9}
            label = f"{factor} products per PE"
            ax.scatter([p[1] for p in mine], [p[2] for p in mine], label=label, zorder=3, **style)
        _logarithmic(ax, limits, "BitFusion's model", "Our fused array")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks([2, 4, 8, 16])
        ax.annotate("K through all\nkernel positions", (2.1, 12.5), (1.6, 7.2), fontsize=7, color=GREY)
        ax.annotate("few folds:\nload and fill", (15.0, 9.5), (8.3, 6.0), fontsize=7, color=GREY)
        ax.set_title("Speed-up over 8 bits, by layer")
        ax.legend(loc="lower right")
    return fig


def sigma_section(save: SaveFigure) -> str:
    """What zeros save, in words and a picture."""
    save("sigma", _sigma_plot())
    return _SIGMA_TEXT


_SIGMA_TEXT = """## STONNE's SIGMA: what zeros save

Not systolic: a crossbar hands every multiplier its own operand, so non-zero resting values pack densely. Cycles do not
compare; each machine is set against itself without zeros (64 multipliers, zeros at random places in the resting
operand alone; zeros of the moving operand save no cycle in either).

![speed-up by share of zeros](pictures/sigma.svg)

`skip_rows` hardly finds a row of eight columns without weights before three in four are zero; column combining shares
rows instead, up to `pack_limit` (8) ways. SIGMA gains more than `1/(1 − zeros)` where its K of 65 or 72 just exceeds
its 64 multipliers without zeros and fits with them, and less where the product has a single row of resting values
(1 × 256).
"""


def _sigma_plot() -> Figure:
    with paper_style():
        fig = figure(3.5, 3.1)
        ax = fig.subplots()
        bound = [share / 100 for share in range(20, 97)]
        ax.plot(bound, [1 / (1 - share) for share in bound], color=GREY, linewidth=0.8, label="1/(1 − zeros)")
        theirs = sigma_gains(golden_rows("stonne_sigma_sparse"))
        ax.scatter(
            [gain.zeros for gain in theirs],
            [gain.gain for gain in theirs],
            marker="+",
            color="#000000",
            s=20,
            linewidths=0.8,
            label="SIGMA, by case",
        )
        ours = speedups(64, 64, 64, SHARES)
        for scheme, (marker, colour) in zip(SCHEMES, MARKERS, strict=False):
            ax.plot(
                SHARES,
                [point.gain[scheme] for point in ours],
                marker=marker,
                color=colour,
                markersize=4,
                linewidth=1.0,
                label=f"ours, {scheme}",
            )
        ax.set(yscale="log", ylim=(0.85, 45), xlim=(0.2, 1.0))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_formatter(lambda *_: "")
        ax.set_yticks([1, 2, 4, 8, 16, 32])
        ax.set_xlabel("Share of zeros in the resting operand")
        ax.set_ylabel("Speed-up over no zeros")
        ax.set_title("64 multipliers, zeros at random")
        grid(ax, "both")
        ax.legend(loc="upper left")
    return fig


def _logarithmic(ax: Axes, limits: tuple[float, float], x_label: str, y_label: str) -> None:
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits, xlabel=x_label, ylabel=y_label)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,g}")
        axis.set_minor_formatter(lambda *_: "")
    grid(ax, "both")
