"""The fast engine where time or counts depend on the operands' values: term-serial and dynamic beats, zeros.

From integers to tiles, in this order: :mod:`~accel_sim.dynamic.pieces` (how many pieces each value takes),
:mod:`~accel_sim.dynamic.slots` (which k are left, and how they share PEs), :mod:`~accel_sim.dynamic.structure` (the
lines of the array with their operands), the kernels (beats and recurrences of section 4),
:mod:`~accel_sim.dynamic.run` (tiles, counts).
"""
