"""Bytes as they are, sent to a service and received from it: what no client library would send."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

__all__ = ["exchanged"]


def exchanged(port: int, *sent: bytes, pause: float = 0.0) -> bytes:
    """What comes back for some bytes, sent with pauses between them, until the service closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(ConnectionError):  # It was closed meanwhile; what it had sent before can be read.
            for part in sent:
                connection.sendall(part)
                time.sleep(pause)
        with suppress(ConnectionError):
            while more := connection.recv(65536):
                received += more
    return received
