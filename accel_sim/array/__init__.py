"""The PE array in time and in actions: folds, beats, ports, counts."""
