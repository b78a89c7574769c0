"""The report about one video's tracks: a page with a timeline and the frames to look at."""
