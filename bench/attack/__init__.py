"""Attacks on a server by one client, and what another client notices of them; see `__main__`."""
