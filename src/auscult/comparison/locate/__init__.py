"""Where an error is born: one side is run on the tensors of the other."""
