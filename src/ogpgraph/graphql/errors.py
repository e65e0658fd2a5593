"""Errors that a client is meant to read: a sentence and a stable code."""

from __future__ import annotations

from graphql import GraphQLError


def client_error(message: str, code: str) -> GraphQLError:
    """Return an error with a stable code in its extensions."""
    return GraphQLError(message, extensions={"code": code})
