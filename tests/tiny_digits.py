"""A tiny data set in MNIST's file format, and a loopback server that serves it well or badly."""

import contextlib
import gzip
import hashlib
import http.server
import socket
import threading
from dataclasses import dataclass, field

import numpy as np

from tutorial_lib.data.fetch import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, Source


def idx(values):
    """Return an array of uint8 as a file in MNIST's format."""
    sizes = np.array(values.shape, dtype=">i4").tobytes()
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


def tiny_files():
    """Return raw file name -> content: 30 training and 20 test images of noise."""
    draw = np.random.RandomState(1)
    return {
        TRAIN_IMAGES: idx(draw.randint(256, size=(30, 28, 28))),
        TRAIN_LABELS: idx(draw.randint(10, size=30)),
        TEST_IMAGES: idx(draw.randint(256, size=(20, 28, 28))),
        TEST_LABELS: idx(draw.randint(10, size=20)),
    }


def tiny_source(files):
    return Source(
        title="Tiny",
        dataset="MNIST",
        download_bytes=sum(len(gzip.compress(content)) for content in files.values()),
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )


@dataclass
class Mirror:
    """A server on a loopback address; `url("good")` names a mirror, `requests` what was asked."""

    packed: dict  # file name -> .gz
    requests: list = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    on_half: object = None  # called once half of a file is sent
    port: int = 0

    def url(self, manners="good"):
        if manners == "refused":
            with socket.create_server(("127.0.0.1", 0)) as free:
                return f"http://127.0.0.1:{free.getsockname()[1]}/"
        return f"http://127.0.0.1:{self.port}/{manners}/"

    def answer(self, handler):
        _, manners, name = handler.path.split("/")
        self.requests.append(name)
        data = self.packed[name]
        if manners == "404":
            return handler.send_error(404)
        if manners == "silent":
            return self.closing.wait()
        sent = {
            "altered": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
            "truncated": data[: len(data) // 2],
            "other": gzip.compress(b"<html>Please log in</html>"),
        }.get(manners, data)
        handler.send_response(200)
        if manners != "endless":
            handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        if manners == "stalls":
            handler.wfile.write(sent[: len(sent) // 2])
            if self.on_half:
                self.on_half()
            return self.closing.wait()
        if manners == "trickles":
            for byte in sent:
                handler.wfile.write(bytes([byte]))
                if self.closing.wait(0.02):
                    break
            return None
        while manners == "endless" and not self.closing.is_set():
            handler.wfile.write(sent)
        handler.wfile.write(sent)


@contextlib.contextmanager
def serving(packed):
    """Serve file name -> .gz, and yield the Mirror."""
    mirror = Mirror(packed)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(ConnectionError):
                mirror.answer(self)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that server_close waits for all of them
    mirror.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
