"""When each tile is fetched, computed and stored."""
