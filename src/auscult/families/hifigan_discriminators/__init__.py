"""HiFi-GAN's discriminators: multi-period and multi-scale, as training checkpoints (`do_*`) keep them."""
