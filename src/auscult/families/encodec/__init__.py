"""EnCodec (Défossez et al. 2022), 24 and 48 kHz, under its own names or those of transformers."""
