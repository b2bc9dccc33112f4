"""Chatterbox's voice encoder: a GE2E LSTM from mel to a 256-dimensional speaker vector."""
