"""Stages, (frame, poses) to poses: multi-person tracking and smoothing."""
