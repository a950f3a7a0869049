"""The server of the dashboard: threads of one process."""

import logging
from contextlib import suppress

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from moopt.dashboard.access import Access, new_secret
from moopt.dashboard.app import Dashboard, web_application
from moopt.errors import SelectionError

FIRST_PORT = 8050
_TRIES = 20


class _Handler(WSGIRequestHandler):
    """Keeps connections open: a page asks every second."""

    protocol_version = "HTTP/1.1"


def open_server(
    dashboard: Dashboard, *, host: str, port: int | None, token: str | None
) -> BaseWSGIServer:
    """Bind a server of the dashboard; its `serve_forever` answers.

    Args:
        dashboard: What it shows.
        host: Address to listen at.
        port: Which. 0: any that is free. None: the first free one from 8050 on.
        token: What every request needs. None: nothing.

    Raises:
        SelectionError: The port is taken, or the address is not of this machine.
    """
    # One line for every request, every second, is of no use to anybody.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = bound(host, port)
    access = Access(host, server.server_port, token, new_secret())
    server.app = web_application(dashboard, access).server
    return server


def bound(host: str, port: int | None) -> BaseWSGIServer:
    """Return a server that listens and has no application yet.

    Args:
        host: Address to listen at.
        port: Which. 0: any that is free. None: the first free one from 8050 on.

    Raises:
        SelectionError: The port is taken, or the address is not of this machine.
    """
    ports = range(FIRST_PORT, FIRST_PORT + _TRIES) if port is None else [port]
    for each in ports:
        # werkzeug exits where others raise.
        with suppress(OSError, SystemExit):
            return make_server(host, each, Flask("none"), threaded=True, request_handler=_Handler)
    tried = f"port {port}" if port is not None else f"ports {ports[0]} to {ports[-1]}"
    raise SelectionError(
        f"nothing can listen at {host}, {tried}: taken, or no address of this machine; --port "
        "names another port, 0 any that is free"
    )
