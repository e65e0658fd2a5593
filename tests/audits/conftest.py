from tests.support.demonstration import database, server, token

__all__ = ["database", "server", "token"]
