"""The GraphQL schema, its cost and its execution; independent of HTTP."""
