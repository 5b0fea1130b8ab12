"""Per-cycle address traces of the SRAMs and of DRAM, on request."""

from accel_sim.address_trace.write import write_address_trace

__all__ = ["write_address_trace"]
