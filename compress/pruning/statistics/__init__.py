"""What calibration images say about the layers of a network."""

from compress.pruning.statistics.collect import collect_statistics

__all__ = ["collect_statistics"]
