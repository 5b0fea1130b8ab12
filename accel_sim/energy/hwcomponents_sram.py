"""SRAMs by hwcomponents, the component estimates of the Accelergy project: ``energy.sram_estimator: hwcomponents``.

Its package ``hwcomponents-cacti`` (Python 3.12 and later; not a dependency of this one) runs CACTI 7 for each SRAM:
``itrs-lstp`` cells at 300 K, which a machine must ask for (``buffers.….cell: lstp``), with read-write ports alone, so
that ``1r1w`` is taken as two of them.
"""

from __future__ import annotations

import importlib

from accel_sim.energy.sram import SramEstimate
from accel_sim.errors import HardwareError

__all__ = ["PACKAGE", "check_installed", "hwcomponents_sram"]

PACKAGE = "hwcomponents-cacti"
CELL, TEMPERATURE_K = "lstp", 300.0
_MODULE = "hwcomponents_cacti"
_READ_WRITE_PORTS = {"1rw": 1, "1r1w": 2, "2rw": 2}


def check_installed() -> None:
    """Import the library.

    Raises:
        ImportError: it is missing, or written for a later Python.
    """
    try:
        importlib.import_module(_MODULE)
    except (ImportError, SyntaxError) as error:
        raise ImportError(f"it needs the package {PACKAGE} (Python 3.12 and later): {error}") from error


def hwcomponents_sram(
    *, kib: float, word_bits: int, banks: int, node_nm: float, cell: str, ports: str, temperature_k: float
) -> SramEstimate:
    """Estimate an SRAM of ``kib`` KiB in ``banks`` banks with the library's ``SRAM``.

    Raises:
        HardwareError: a cell or a temperature that the library does not know.
    """
    for field, value, known in (("cell", cell, CELL), ("temperature_k", temperature_k, TEMPERATURE_K)):
        if value != known:
            raise HardwareError(
                f"energy.sram_estimator: hwcomponents with {field} {value}; allowed: {known} (buffers.….cell, "
                "technology.temperature_k)"
            )
    library = importlib.import_module(_MODULE)
    sram = library.SRAM(
        tech_node=node_nm * 1e-9,
        width=word_bits,
        size=round(kib * 8192),
        n_rw_ports=_READ_WRITE_PORTS[ports],
        n_banks=banks,
    )
    read, write = sram.read(), sram.write()
    return SramEstimate(
        read_pj=read.energy * 1e12,
        write_pj=write.energy * 1e12,
        leakage_mw=sram.leak_power * 1e3,
        area_mm2=sram.area * 1e6,
        access_ns=read.latency * 1e9,
    )
