"""The mode `eval`: results, metrics, reports, and comparisons of results."""
