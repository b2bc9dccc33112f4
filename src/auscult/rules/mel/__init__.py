"""Rules on a mel spectrogram whose definition was searched for."""
