"""GraphQL over HTTP, live feeds, the query console and the probes, served by uvicorn."""
