"""Synthetic people with exact keypoints, rendered for training and for the demo clip."""
