"""Tracks in the formats that other programs read, written result by result and read back.

docs/formats.md says what each keeps, in which units.
"""
