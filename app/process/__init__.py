"""The mode `process`: videos and images to tracks, overlays and reports on disk."""
