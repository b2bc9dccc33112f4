"""The verb `run`: one file per system."""
