"""Blocks of audio models on the libraries' defaults, and hand-made ports of them: each right once, and once with each of the usual faults."""
