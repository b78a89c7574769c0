"""The mode `eval`: images to results on disk, results to a verdict, and verdicts side by side."""
