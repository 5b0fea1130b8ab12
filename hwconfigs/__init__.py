"""The accelerators, DRAM parts and energy tables that ship with Bitgrove, as YAML files."""
