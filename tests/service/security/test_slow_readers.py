"""A client that takes its answer too slowly loses its connection, and whoever takes it as it comes does not."""

from __future__ import annotations

import errno
import socket
import time

from support.served import Serve, Served

from seenat.service.settings import Limits

LARGE = "/api/v1/checkpoints"
PLAIN = {"accept-encoding": "identity"}
ASKED = f"GET {LARGE} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: identity\r\n\r\n".encode()
TIMES = 3
"""An answer has 3.4 MB, and the kernel takes some megabytes of it from the service whoever reads."""


def reader(served: Served) -> socket.socket:
    """A client with little room, that has asked for some large answers."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", served.port))
    connection.sendall(ASKED * TIMES)
    return connection


def test_a_byte_now_and_then_is_too_slow(serve: Serve) -> None:
    served = serve(limits=Limits(reader_seconds=0.3))
    received, error, deadline = 0, 0, time.monotonic() + 30
    with reader(served) as connection:
        while not error and time.monotonic() < deadline:
            received += len(connection.recv(1))
            error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            time.sleep(0.02)
    assert error == errno.ECONNRESET
    assert 0 < received < 1500
    assert "seenat_requests_in_flight 1.0" in served.http.get("/metrics").text  # This one.


def test_whoever_reads_gets_all(serve: Serve) -> None:
    """Also with a pause shorter than the bound."""
    served = serve(limits=Limits(reader_seconds=3.0))
    whole, received = len(served.http.get(LARGE, headers=PLAIN).content), 0
    with reader(served) as connection:
        time.sleep(0.2)
        while received < TIMES * whole:
            part = connection.recv(1 << 16)
            assert part
            received += len(part)
