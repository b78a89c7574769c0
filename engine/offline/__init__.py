"""A whole video as arrays, and what only that allows."""
