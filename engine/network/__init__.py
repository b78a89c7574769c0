"""HigherHRNet: layers, checkpoint names and where checkpoints come from."""
