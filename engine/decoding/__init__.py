"""Network maps to people, as the reference computes them."""
