"""Tracks on disk: every format written result by result and read back, converted and edited.

Every writer has `write(result)` and `close(ending)`. docs/formats.md says what each format keeps,
in which units.
"""
