"""Vocos (Siuzdak 2023): a ConvNeXt backbone and an inverse-STFT head."""
