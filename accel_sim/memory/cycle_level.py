"""The cycle-level DRAM: parameters of the controllers from a part, and a trace sent through them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import HardwareError
from accel_sim.memory import controller_layout as at
from accel_sim.memory.address_map import map_fields
from accel_sim.memory.controller_layout import new_state, with_offsets
from accel_sim.memory.parts import DramPart
from accel_sim.memory.trace_kernel import run_trace

__all__ = ["SCHEDULERS", "ControllerSettings", "DramRun", "StandbyClocks", "controller_parameters", "run_requests"]

HIT_LIMIT = 4
WRITES_KEPT = 8
DEFAULT_TURNAROUND_CK = 2
DRAIN_FROM, DRAIN_TO = 0.8, 0.2
"""Shares of the write queue beyond which ``fr_fcfs_window`` serves writes, and below which it serves reads again."""
SCHEDULERS = {"in_order": at.IN_ORDER, "fr_fcfs": at.FR_FCFS, "fr_fcfs_window": at.FR_FCFS_WINDOW}


@dataclass(frozen=True)
class ControllerSettings:
    """How requests are ordered.

    Attributes:
        scheduler: one of :data:`SCHEDULERS`. ``fr_fcfs``: requests wait in queues of their banks, which are served in
            turn (DRAMsim3). ``fr_fcfs_window``: the oldest of a channel's requests that can be served, of all its
            pseudo channels, which are channels of their own otherwise (Ramulator 2). ``in_order``: the oldest only.
        address_map: fields from the most significant, such as ``rochrababgco``.
        queue: reads, and writes, that wait per channel.
        bank_queue: requests per bank that get commands out of order, with ``fr_fcfs``.
        unified: requests in the banks' queues count as in ``queue``, which is then the window of the scheduler.
        hit_limit: column commands of an open row after which the oldest request may close it, with ``fr_fcfs``.
        writes_kept: writes that wait for more when there is nothing else to do, with ``fr_fcfs``.
    """

    scheduler: str = "fr_fcfs"
    address_map: str = "rochrababgco"
    queue: int = 32
    bank_queue: int = 8
    unified: bool = False
    hit_limit: int = HIT_LIMIT
    writes_kept: int = WRITES_KEPT


@dataclass(frozen=True)
class StandbyClocks:
    """Clocks of all ranks with a bank open, and with none."""

    active: int
    idle: int


@dataclass(frozen=True)
class DramRun:
    """What a trace made the DRAM do.

    Attributes:
        cycles: clocks until the last read has come back and the last write is accepted.
        accepted_cycles: clocks before the one in which the last request was accepted.
        reads, writes, activates, precharges, refreshes: commands.
        read_hits, write_hits: reads and writes of a row that an earlier one of them has used since it was opened.
        read_latency_cycles: mean, from acceptance to the last data; 0 without reads.
        standby: of all ranks and channels together.
    """

    cycles: int
    accepted_cycles: int
    reads: int
    writes: int
    activates: int
    precharges: int
    refreshes: int
    read_hits: int
    write_hits: int
    read_latency_cycles: float
    standby: StandbyClocks

    @property
    def row_hits(self) -> int:
        """Hits of reads and writes."""
        return self.read_hits + self.write_hits

    @property
    def row_misses(self) -> int:
        """Reads and writes that were the first of an opened row."""
        return self.reads + self.writes - self.row_hits


def controller_parameters(part: DramPart, channels: int, settings: ControllerSettings) -> NDArray[np.int64]:
    """What the controllers of ``channels`` channels of a part go by.

    Raises:
        HardwareError: the part is ideal, or the address map is none.
    """
    if part.timing is None:
        raise HardwareError(f"DRAM part '{part.name}' is ideal; the cycle-level model needs one with timing")
    burst = max(1, math.ceil(part.burst_ns / part.timing.tck_ns - 0.05))  # clocks are rounded in the parts' files
    return with_offsets(_parameters(part, channels, settings, burst))


def _parameters(part: DramPart, channels: int, settings: ControllerSettings, burst: int) -> NDArray[np.int64]:
    """Distances as DRAMsim3 derives them from the datasheet's parameters (``timing.cc``)."""
    t = part.timing
    assert t is not None
    rl, wl = t.tcl_ck, t.tcwl_ck
    turn = DEFAULT_TURNAROUND_CK if t.trtrs_ck is None else t.trtrs_ck
    grouped = part.bank_groups > 1
    ccd_l, wtr_l, rrd_l = (
        (t.tccd_l_ck, t.twtr_l_ck, t.trrd_l_ck) if grouped else (t.tccd_s_ck, t.twtr_s_ck, t.trrd_s_ck)
    )
    ccd_l_wr = t.tccd_l_wr_ck if grouped and t.tccd_l_wr_ck is not None else ccd_l
    read_to_write = max(0, rl + burst - wl + turn, t.trtw_ck or 0)
    # clocks from the first of a command to its last, from which timing counts
    row_later, column_later = t.act_command_ck - 1, t.column_command_ck - 1
    act_later = row_later - column_later
    p = np.zeros(at.PARAMETERS, np.int64)
    is_window = settings.scheduler == "fr_fcfs_window"
    shared = part.pseudo_channels if is_window else 1
    total = channels * part.pseudo_channels
    values = {
        at.CHANNELS: total // shared,
        at.PSEUDO_CHANNELS: shared,
        at.RANKS: part.ranks * shared,
        at.RANKS_IN_PSEUDO: part.ranks,
        at.GROUPS: part.bank_groups,
        at.BANKS: part.banks,
        at.BANKS_IN_GROUP: part.banks // part.bank_groups,
        at.STACK_IDS: part.stack_ids,
        at.UNIFIED: int(settings.unified and not is_window),
        at.SCHEDULER: SCHEDULERS[settings.scheduler],
        at.QUEUE: settings.queue,
        at.BANK_QUEUE: 1 if is_window else settings.bank_queue,
        at.HIT_LIMIT: settings.hit_limit,
        at.WRITES_KEPT: settings.writes_kept,
        at.DRAIN_FROM: math.floor(DRAIN_FROM * settings.queue),
        at.DRAIN_TO: math.ceil(DRAIN_TO * settings.queue),
        at.DUAL_COMMAND: int(part.standard.upper().startswith("HBM")),
        at.RD_RD_L: max(burst, ccd_l),
        at.RD_RD_S: max(burst, t.tccd_s_ck),
        at.RD_RD_O: burst + turn,
        at.RD_RD_R: max(burst, t.tccd_s_ck if t.tccd_r_ck is None else t.tccd_r_ck),
        at.RD_WR: read_to_write,
        at.RD_WR_O: read_to_write,
        at.RD_PRE: t.trtp_ck + column_later,
        at.WR_RD_L: wl + burst + wtr_l,
        at.WR_RD_S: wl + burst + t.twtr_s_ck,
        at.WR_RD_O: max(0, wl + burst + turn - rl),
        at.WR_WR_L: max(burst, ccd_l_wr),
        at.WR_WR_S: max(burst, t.tccd_s_ck),
        at.WR_WR_O: burst,
        at.WR_PRE: wl + burst + t.twr_ck + column_later,
        at.PRE_ACT: max(0, t.trp_ck - row_later),
        at.PRE_ALL_ACT: max(0, (t.trp_ck if t.trpab_ck is None else t.trpab_ck) - row_later),
        at.PRE_PRE: t.tppd_ck or 0,
        at.ACT_ACT_B: t.trc_ck or 0,
        at.ACT_ACT_L: rrd_l,
        at.ACT_ACT_S: t.trrd_s_ck,
        at.ACT_COMMAND: t.act_command_ck,
        at.COLUMN_COMMAND: t.column_command_ck,
        at.ACT_PRE: t.tras_ck + row_later,
        at.ACT_RD: max(0, t.trcd_ck + act_later),
        at.ACT_WR: max(0, (t.trcd_ck if t.trcdwr_ck is None else t.trcdwr_ck) + act_later),
        at.REF_ACT: max(0, t.trfc_ck - row_later),
        at.FOUR_ACT: t.tfaw_ck,
        at.MANY_ACT: t.t32aw_ck or 0,
        at.READ_DELAY: rl + burst + column_later,
        at.WRITE_DELAY: wl + burst + column_later,
        at.REFRESH_EVERY: t.trefi_ck if is_window else max(1, t.trefi_ck // part.ranks),
        at.BURST_BYTES: part.burst_bytes,
    }
    for index, value in values.items():
        p[index] = value
    p[at.SAME_KIND : at.SAME_KIND + at.KINDS] = p[[at.ACT_ACT_S, at.PRE_PRE, at.RD_RD_S, at.WR_WR_S]]
    fields = map_fields(settings.address_map, part, total)
    p[at.MAP :] = fields.reshape(-1)
    p[at.BY_BITS] = bool(np.all(fields[:, :2] & (fields[:, :2] - 1) == 0))
    return p


def run_requests(
    part: DramPart,
    addresses: NDArray[np.int64],
    writes: NDArray[np.bool_],
    cycles: NDArray[np.int64],
    *,
    channels: int = 1,
    per_clock: int = 1,
    settings: ControllerSettings | None = None,
) -> DramRun:
    """Send a trace through the controllers.

    Args:
        addresses: ``(requests,)`` in bytes; each request is one burst.
        writes: ``(requests,)``.
        cycles: ``(requests,)`` first clock of each; requests are sent in order.
        channels: of the part.
        per_clock: requests that are accepted in a clock at most.
        settings: order of service.

    Raises:
        HardwareError: as :func:`controller_parameters`.
    """
    p = controller_parameters(part, channels, settings or ControllerSettings())
    state = new_state(p)
    clocks, accepted_at = run_trace(p, state, addresses, writes, cycles, per_clock)
    return _run(p, state, int(clocks), int(accepted_at))


def _run(p: NDArray[np.int64], state: NDArray[np.int64], clocks: int, accepted_at: int) -> DramRun:
    blocks = state.reshape(int(p[at.CHANNELS]), int(p[at.STRIDE]))
    counts = blocks.sum(axis=0)
    ranks = blocks[:, p[at.AT_RANKS] : p[at.AT_WINDOWS]].reshape(-1, at.RANK_FIELDS).sum(axis=0)
    reads = int(counts[at.READS])
    return DramRun(
        cycles=clocks,
        accepted_cycles=accepted_at,
        reads=reads,
        writes=int(counts[at.WRITES]),
        activates=int(counts[at.ACTIVATES]),
        precharges=int(counts[at.PRECHARGES]),
        refreshes=int(counts[at.REFRESHES]),
        read_hits=int(counts[at.READ_HITS]),
        write_hits=int(counts[at.WRITE_HITS]),
        read_latency_cycles=float(counts[at.LATENCY]) / reads if reads else 0.0,
        standby=StandbyClocks(active=int(ranks[at.ACTIVE]), idle=int(ranks[at.IDLE])),
    )
