"""Values from files: typed, tolerant of what other programs write, and refused in one line."""
