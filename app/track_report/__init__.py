"""The track report: a page with a timeline and the frames to check."""
