"""Recording, replaying and rerunning MLX modules."""
