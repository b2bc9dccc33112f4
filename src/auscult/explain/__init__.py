"""From one place where two runs differ to the mistake that makes this difference."""
