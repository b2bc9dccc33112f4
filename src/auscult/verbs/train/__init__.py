"""The verb `train`."""
