"""The mode `train`: keypoints in COCO format to a checkpoint."""
