"""auscult finds out why a neural audio model sounds wrong, proves it, and repairs it."""
