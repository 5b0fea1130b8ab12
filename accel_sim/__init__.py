"""Cycle-accurate simulation of systolic accelerators: cycles, traffic, energy and area of a network."""

__version__ = "0.1.0"
