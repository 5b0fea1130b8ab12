"""Channels that belong together, and networks that are really smaller once they are gone."""
