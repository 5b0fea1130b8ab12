"""The command line and the search over compression policies."""
