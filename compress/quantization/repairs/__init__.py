"""What brings a quantised (and pruned) network's outputs back to the float network's, without labels or training."""
