"""How layers are cut into tiles, and the search for the best cut."""
