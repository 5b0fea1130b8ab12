"""Energy and area: counts of actions times constants whose origin is on record."""
