"""Servers that say what they say byte by byte: what a misbehaving one may do below HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from misbehaving_server import good

BODY = json.dumps(good("yes")[1]).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def talking(serve: Serve) -> Iterator[str]:
    """A server that does with every connection what `serve` says, in a thread for each."""
    over = threading.Event()

    def one(peer: socket.socket) -> None:
        with peer:
            try:
                serve(peer, over)
            except OSError:
                return

    def listen() -> None:
        while not over.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(peer,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def dripping(text: bytes, *, asked_first: bool = True) -> Serve:
    """Sends a byte each 20 ms, for ever."""

    def serve(peer: socket.socket, over: threading.Event) -> None:
        if asked_first:
            peer.recv(65536)
        peer.sendall(text)
        while not over.wait(0.02):
            peer.sendall(b"a")

    return serve


def again(start: bytes, piece: bytes) -> Serve:
    """Sends a piece again and again, as fast as it is taken."""

    def serve(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65536)
        peer.sendall(start)
        while not over.is_set():
            peer.sendall(piece)

    return serve


def once(*pieces: bytes) -> Serve:
    def serve(peer: socket.socket, over: threading.Event) -> None:
        peer.recv(65536)
        for piece in pieces:
            peer.sendall(piece)

    return serve


def silent(peer: socket.socket, over: threading.Event) -> None:
    over.wait(60)
