"""Mimi (Défossez et al. 2024), Moshi's codec, under the names of transformers."""
