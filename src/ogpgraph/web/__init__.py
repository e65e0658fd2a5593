"""The web floor: GraphQL over HTTP, a query console and the probes, around a schema and a context handed in."""
