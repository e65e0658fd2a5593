"""The write side: commands in sessions that load, decide and save once."""

from ogpgraph.application.acts import BY_PERSON, Act, Basis, Receipt
from ogpgraph.application.register import Register
from ogpgraph.application.session import Session

__all__ = ["BY_PERSON", "Act", "Basis", "Receipt", "Register", "Session"]
