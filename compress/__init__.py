"""Layer graphs of PyTorch and ONNX models, and their compression."""
