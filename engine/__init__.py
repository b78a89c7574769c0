"""Frames in, people out. `engine.api` is what a library user imports."""
