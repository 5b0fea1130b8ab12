"""Pictures of what compression did to a network: widths and sparsity, weights before and after, patterns of zeros."""

from compress.plots.write import write_compression_plots

__all__ = ["write_compression_plots"]
