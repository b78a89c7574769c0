"""Results written to files while they come: tracks as text, skeletons as video.

Every writer has `write(result)` and `close(ending)`. What was written is a complete, readable file
whenever `close` is called, and a readable one even when it never is.
"""
