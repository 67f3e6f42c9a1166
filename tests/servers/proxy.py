"""A proxy before a PostgreSQL server that loses chosen answers to COMMIT, or the COMMIT itself."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque

__all__ = ["CuttingProxy"]


class CuttingProxy:
    """Forwards everything, but for the commits that it was told to cut; the client's connection ends there.

    Args:
        port: the server's, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._cuts: deque[str] = deque()
        self._made = 0
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, where: str) -> None:
        """Cut a next COMMIT: `before` it reaches the server, or `after` the server has answered it."""
        self._cuts.append(where)

    @property
    def made(self) -> int:
        """How many commits were cut."""
        return self._made

    def close(self) -> None:
        """Take no more connections; those that are there end with either side."""
        self._closed = True
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server))
                except OSError:
                    client.close()
                    raise
                _Connection(self, client, server).start()

    def next_cut(self) -> str | None:
        """Take what is to happen to the COMMIT that is about to be forwarded."""
        try:
            return self._cuts.popleft()
        except IndexError:
            return None

    def was_cut(self) -> None:
        self._made += 1


class _Connection:
    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._loses_the_answer = False

    def start(self) -> None:
        for pump in (self._to_server, self._to_client):
            threading.Thread(target=self._until_it_ends, args=(pump,), daemon=True).start()

    def _until_it_ends(self, pump: object) -> None:
        with contextlib.suppress(OSError):
            assert callable(pump)
            pump()
        if self._loses_the_answer:  # which never came
            self._loses_the_answer = False
            self._proxy.cut("after")
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _to_server(self) -> None:
        while data := self._client.recv(65536):
            cut = self._proxy.next_cut() if b"COMMIT" in data else None
            if cut == "before":
                self._proxy.was_cut()
                return
            self._loses_the_answer = self._loses_the_answer or cut == "after"
            self._server.sendall(data)

    def _to_client(self) -> None:
        while data := self._server.recv(65536):
            if self._loses_the_answer and b"COMMIT" in data:
                self._loses_the_answer = False
                self._proxy.was_cut()
                return
            self._client.sendall(data)
