"""COCO files, ground truth, AP and what a model gets wrong."""
