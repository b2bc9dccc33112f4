"""The verb `listen`."""
