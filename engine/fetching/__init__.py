"""Downloads and archives: each file is complete and checked, or absent."""
