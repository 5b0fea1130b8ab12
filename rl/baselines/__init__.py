"""What the agents are compared with: searchers that do not learn, or that a library brings."""
