"""A local page to drop files on: it chooses the verb, runs it, and keeps the reports. Needs the extra `serve`."""
