"""The read side: rows projected from the log, valid from one position to another, and the snapshots that read them."""
