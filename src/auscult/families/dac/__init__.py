"""DAC, the Descript audio codec (Kumar et al. 2023), under its own names or those of transformers."""
