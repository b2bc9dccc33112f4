"""The verbs as tools of a coding agent: a server of the Model Context Protocol, and a skill to read."""
