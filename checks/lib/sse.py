"""A reader of server-sent events on a plain socket. The standard library alone."""

import json
import socket
import time
import urllib.parse

ANSWER_S_MAX = 20


class Refused(Exception):
    """Something else than an event stream came; `status` says what."""

    def __init__(self, head):
        super().__init__(head[:300].decode(errors="replace"))
        self.status = int(head.split()[1]) if head.startswith(b"HTTP/") else None


class Events:
    """An open stream. A context manager; `events()` gives (name, data, id) until the time is over."""

    def __init__(self, url, topics=None, headers=None, receive_buffer=None):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(ANSWER_S_MAX)
        self.socket.connect((parts.hostname, parts.port))
        query = f"?topics={urllib.parse.quote(topics)}" if topics else ""
        own = {"Host": f"{parts.hostname}:{parts.port}", "Accept": "text/event-stream"} | (headers or {})
        lines = [f"GET /api/v1/events{query} HTTP/1.1", *[f"{name}: {value}" for name, value in own.items()]]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.rest, self.text, self.comments, self.is_over = b"", b"", 0, False
        while b"\r\n\r\n" not in self.rest:
            more = self.socket.recv(4096)
            if not more:
                break
            self.rest += more
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.head = head.decode(errors="replace").lower()
        if not head.startswith(b"HTTP/1.1 200") or "text/event-stream" not in self.head:
            self.socket.close()
            raise Refused(head + b"\r\n\r\n" + self.rest)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def take_chunks(self):
        """Moves whole chunks from what arrived to the text of the stream."""
        while True:
            size, found, rest = self.rest.partition(b"\r\n")
            if not found or len(rest) < int(size, 16) + 2:
                return
            count = int(size, 16)
            # The last chunk; the connection may well stay open for another request.
            self.is_over |= count == 0
            self.text, self.rest = self.text + rest[:count], rest[count + 2 :]

    def events(self, seconds=ANSWER_S_MAX):
        end = time.monotonic() + seconds
        while True:
            self.take_chunks()
            while b"\n\n" in self.text:
                block, _, self.text = self.text.partition(b"\n\n")
                event = parsed(block.decode())
                if event:
                    yield event
                else:
                    self.comments += 1
            left = end - time.monotonic()
            if left <= 0 or self.is_over:
                return
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                return
            if not more:
                return
            self.rest += more

    def first(self, wanted, seconds=ANSWER_S_MAX):
        """The data of the first event of this name (or that `wanted(name, data)` likes), or None."""
        likes = wanted if callable(wanted) else lambda name, _: name == wanted
        for name, data, _ in self.events(seconds):
            if likes(name, data):
                return data
        return None


def parsed(block):
    name, data, number = "message", [], None
    for line in block.split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            number = value
    return (name, json.loads("\n".join(data)), number) if data else None
