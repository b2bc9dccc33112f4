"""BigVGAN (Lee et al. 2023): HiFi-GAN with anti-aliased Snake activations."""
