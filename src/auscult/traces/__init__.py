"""Traces: the record of what every layer computed, and its file."""
