"""Where things are kept: the database, the event log and the text store."""
