"""A WebSocket client on a plain socket, for checks that want to be slow, rude or many. The standard library alone."""

import base64
import json
import os
import socket
import ssl
import struct
import time
import urllib.parse

ANSWER_S_MAX = 20
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The handshake was answered with something else than 101; `status` and `head` say what."""

    def __init__(self, head):
        super().__init__(head[:300].decode(errors="replace"))
        self.head = head
        self.status = int(head.split()[1]) if head.startswith(b"HTTP/") else None


class Closed(Exception):
    """The other side closed; `code` is the close code, if it gave one."""

    def __init__(self, code=None, why=""):
        super().__init__(f"closed {code} {why}")
        self.code, self.why = code, why


class WebSocket:
    """A connection; messages are JSON. A context manager."""

    def __init__(self, url, path="/ws", headers=None, receive_buffer=None, tls=None):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(ANSWER_S_MAX)
        self.socket.connect((parts.hostname, parts.port))
        if parts.scheme == "https":
            self.socket = (tls or ssl.create_default_context()).wrap_socket(self.socket, server_hostname=parts.hostname)
        self.rest = b""
        own = {
            "Host": f"{parts.hostname}:{parts.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        lines = [f"{name}: {value}" for name, value in (own | (headers or {})).items() if value is not None]
        self.socket.sendall(("\r\n".join([f"GET {path} HTTP/1.1", *lines]) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.socket.recv(4096)
            if not more:
                break
            head += more
        head, _, self.rest = head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            self.socket.close()
            raise Refused(head + b"\r\n\r\n" + self.rest)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send_frame(self, opcode, payload, is_final=True):
        self.socket.sendall(frame(opcode, payload, is_final))

    def send(self, message):
        self.send_frame(TEXT, json.dumps(message).encode())

    def read_exactly(self, count):
        while len(self.rest) < count:
            more = self.socket.recv(65536)
            if not more:
                raise Closed
            self.rest += more
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def read_frame(self):
        first, second = self.read_exactly(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack(">H", self.read_exactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.read_exactly(8))
        return first & 15, self.read_exactly(length)

    def receive(self, seconds=ANSWER_S_MAX):
        """The next message; answers pings meanwhile."""
        end = time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            opcode, payload = self.read_frame()
            if opcode in (TEXT, BINARY):
                return json.loads(payload)
            if opcode == PING:
                self.send_frame(PONG, payload)
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
                raise Closed(code, payload[2:].decode(errors="replace"))

    def until(self, wanted, seconds=ANSWER_S_MAX):
        """The first message for which `wanted` is true."""
        end = time.monotonic() + seconds
        while True:
            message = self.receive(end - time.monotonic())
            if wanted(message):
                return message

    def ask(self, method, params=None, number=1, seconds=ANSWER_S_MAX, **more):
        """Sends a request and gives its answer; what comes before it is dropped."""
        self.send({"id": number, "method": method, **({} if params is None else {"params": params}), **more})
        return self.until(lambda got: got.get("id") == number and ("result" in got or "error" in got), seconds)


def frame(opcode, payload, is_final=True, mask=b"\0\0\0\0"):
    """A masked frame; this mask changes nothing, which the protocol allows and which costs us nothing."""
    head = bytes([opcode | (128 if is_final else 0)])
    if len(payload) < 126:
        head += bytes([128 | len(payload)])
    elif len(payload) < 65536:
        head += bytes([128 | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([128 | 127]) + struct.pack(">Q", len(payload))
    return head + mask + payload
