"""What preflight looks at, one aspect a file: each takes a setup and gives records."""
