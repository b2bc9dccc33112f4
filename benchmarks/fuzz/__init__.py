"""Mutate checkpoints of every format for as long as one asks."""
