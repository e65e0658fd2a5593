"""The commitments of the Open Government Partnership: an append-only log and a graph that answers at any position."""

__version__ = "0.1.0"
