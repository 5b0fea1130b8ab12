"""What is simulated: layers as GEMMs and vector operations, and the readers that need no PyTorch."""

from accel_sim.workload.layers import ConvGeometry, GemmLayer, Layer, VectorLayer, Workload, gemm
from accel_sim.workload.topology_csv import read_topology_csv

__all__ = ["ConvGeometry", "GemmLayer", "Layer", "VectorLayer", "Workload", "gemm", "read_topology_csv"]
