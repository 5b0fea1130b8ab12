"""SCALE-Sim 3.0.0 as a server: reads one layer per line (JSON) and answers with cycles and times.

Runs in an environment of its own (:mod:`tests.benchmarks.scalesim_environment`), so it imports nothing of Bitgrove.
"""

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scalesim.scale_sim import scalesim

CONFIG = """
[general]
run_name = run
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {cols}
IfmapSramSzkB = 256
FilterSramSzkB = 256
OfmapSramSzkB = 256
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {dataflow}
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""


def run(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Simulate ``m × k · k × n`` without trace files; the clocks run around ``run_scale`` alone."""
    (folder / "machine.cfg").write_text(CONFIG.format(**request))
    (folder / "topology.csv").write_text("Layer,M,N,K,\nlayer,{m},{n},{k},\n".format(**request))
    (folder / "layout.csv").write_text("Layer name,\n")
    simulation = scalesim(
        save_disk_space=True,
        verbose=False,
        config=str(folder / "machine.cfg"),
        topology=str(folder / "topology.csv"),
        layout=str(folder / "layout.csv"),
        input_type_gemm=True,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    simulation.run_scale(top_path=str(folder))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    cycles = int(simulation.runner.single_layer_sim_object_list[0].total_cycles)
    return {"total_cycles": cycles, "cpu_s": cpu, "wall_s": wall}


def main() -> None:
    """Answer requests until standard input ends; what SCALE-Sim prints is dropped."""
    with tempfile.TemporaryDirectory() as name:
        for line in sys.stdin:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                answer = run(json.loads(line), Path(name))
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
