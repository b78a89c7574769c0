"""A whole video as arrays, and postprocessing that needs all of it."""
