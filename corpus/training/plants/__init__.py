"""One cause a file: `CAUSE`, and `VARIANTS`, from a name to (shapes, make), where make(shape, seed) gives a faulty trainer."""
