"""SRAM footprints, DRAM parts and the DRAM model."""
