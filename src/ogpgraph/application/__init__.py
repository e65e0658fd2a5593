"""The write side: commands are translated, run in a unit of work, and their events are stored once."""
