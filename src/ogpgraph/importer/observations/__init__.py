"""Turn what was observed of a source into commands on the log."""
