"""Recording, replaying and rerunning torch modules."""
