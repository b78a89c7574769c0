"""COCO files, ground truth, metrics and error diagnosis."""
