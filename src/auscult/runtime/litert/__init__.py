"""Recording LiteRT models: the interpreter keeps every tensor."""
