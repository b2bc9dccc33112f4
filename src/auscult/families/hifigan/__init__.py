"""HiFi-GAN's generator (Kong, Kim and Bae 2020): mel to waveform by transposed convolutions and dilated residual blocks."""
