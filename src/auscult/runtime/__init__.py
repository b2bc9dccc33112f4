"""Run a live model in any framework: whole, in part, or with tensors of another run put in."""
