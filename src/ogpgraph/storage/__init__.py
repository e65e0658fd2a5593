"""The event log, the texts and the accounts, on either of two database engines."""
