"""Ways to search: what proposes policies and learns from what they were worth."""
