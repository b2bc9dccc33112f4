"""Layers, norms, activations, attention, solvers and sums in NumPy, as a mistake would compute them."""
