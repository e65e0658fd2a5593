"""Serving a system with uvicorn, in one process or several.

`SystemLifespan` opens the system of a process, `served_system` and `application` connect the web application to it, and
`serve` runs the application until the process is told to stop. Every process opens everything for itself.
"""

from ogpgraph.server.application import create_app, create_app_from_environment, create_worker_app
from ogpgraph.server.process import AddressUnavailable, bind_socket, configure_server, serve, server_url
from ogpgraph.server.served_system import SystemLifespan

__all__ = [
    "AddressUnavailable",
    "SystemLifespan",
    "bind_socket",
    "configure_server",
    "create_app",
    "create_app_from_environment",
    "create_worker_app",
    "serve",
    "server_url",
]
