"""What a person starts: commands, windows, files written."""
