"""The read side: rows made from the log by one follower, each holding from one position until another."""
