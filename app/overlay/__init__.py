"""Skeletons drawn on pictures, and the videos and pictures they are written to."""
