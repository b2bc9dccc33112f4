"""The verbs: one function each, which gives a `Report`."""
