"""Stages, (frame, poses) to poses: ids that last, and steady joints."""
