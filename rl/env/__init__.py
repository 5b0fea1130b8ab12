"""What a search is about: the space of policies, their evaluation, the reward, and both as a Gymnasium environment."""
