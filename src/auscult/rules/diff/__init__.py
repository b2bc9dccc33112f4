"""Rules of `diff`: what two checkpoints have otherwise, and why."""
