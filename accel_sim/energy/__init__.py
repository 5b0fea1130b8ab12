"""Energy and area: counts of actions times constants whose origin is on record."""

from pathlib import Path

__all__ = ["TABLES_DIR"]

TABLES_DIR = Path(__file__).resolve().parents[2] / "hwconfigs" / "tables"
