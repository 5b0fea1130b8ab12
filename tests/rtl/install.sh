#!/bin/sh
# Installs what the RTL tests need: Icarus Verilog (and Verilator, for the speed comparison) with apt when run as root,
# cocotb with the given Python (default: the checkout's .venv).
# Usage: tests/rtl/install.sh [PYTHON]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${1:-$here/../../.venv/bin/python}

if command -v iverilog >/dev/null && command -v verilator >/dev/null; then
    echo "simulators: $(command -v iverilog) $(command -v verilator)"
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -q
    apt-get install -y -q --no-install-recommends iverilog verilator g++ make
else
    echo "install Icarus Verilog 11 or later (and Verilator) with your package manager: iverilog verilator g++ make" >&2
    exit 1
fi
"$python" -m pip install --quiet 'cocotb>=2.1,<3'
