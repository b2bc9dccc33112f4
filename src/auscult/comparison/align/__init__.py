"""Which layers of two traces are the same layer."""
