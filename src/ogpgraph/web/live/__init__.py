"""Live streams of entries: subscriptions over WebSocket and server-sent events, and the plain feed."""
