"""The verb `diagnose`."""
