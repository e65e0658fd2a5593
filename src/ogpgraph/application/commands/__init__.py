"""Commands: functions that take a unit of work, decide by its aggregates, and append events or raise a Refusal."""
