"""What is simulated: layers as GEMMs and vector operations, and the readers that need no PyTorch."""

from accel_sim.workload.layers import ConvGeometry, GemmLayer, Layer, VectorLayer, Workload, gemm

__all__ = ["ConvGeometry", "GemmLayer", "Layer", "VectorLayer", "Workload", "gemm"]
