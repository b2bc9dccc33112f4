"""One file for each family of pairs, each with `PAIRS`."""
