"""HiFTNet as CosyVoice 2 and Chatterbox use it: a harmonic source and an inverse-STFT head on HiFi-GAN's frame."""
