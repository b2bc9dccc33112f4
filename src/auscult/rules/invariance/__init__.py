"""A model against itself: what one run shows, another of the same model has to show."""
