"""What the rules of `diff` share: names, shapes, permutations and damage, each measured once."""
