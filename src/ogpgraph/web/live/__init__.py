"""Live feeds: the entries of the log as they come, over server-sent events and WebSockets."""
