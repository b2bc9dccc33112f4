"""Stable Audio Open: a diffusion transformer over the latents of an Oobleck VAE."""
