"""Known mistakes, one family per file: `NAMES`, the causes it can name, and `explain(case)`, which tries them."""
