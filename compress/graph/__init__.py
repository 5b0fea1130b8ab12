"""Layer graphs: what a PyTorch or ONNX model computes, operation by operation, and what the simulator is fed."""
