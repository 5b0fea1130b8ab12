"""A whole search: from what a user asks for to files, through a store that survives being killed."""
