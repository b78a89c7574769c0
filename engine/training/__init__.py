"""From COCO-format keypoints to a checkpoint."""
