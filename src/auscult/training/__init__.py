"""Trainings of our own: a vocoder for the demo, and a codec."""
