"""How tensors are stored: dense, or with their zeros left out."""
