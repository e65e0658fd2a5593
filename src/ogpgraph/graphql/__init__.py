"""The GraphQL schema: what dashboards, auditors and publishers see of the record."""
