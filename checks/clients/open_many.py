#!/usr/bin/env python3
"""Opens many WebSockets and event streams, and reads and drops what comes, as cheaply as Python can. Linux; standard library.

    open_many.py HOST PORT WEBSOCKETS STREAMS [TOPICS]

TOPICS is what each WebSocket subscribes to, with commas between; nothing without it. Prints `open N` once all are there, then waits for
the end of its input and prints what it has read, and how many were closed by the other side.
"""

import json
import resource
import select
import socket
import sys

HELLO = "GET /ws HTTP/1.1\r\nHost: {}:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
EVENTS = "GET /api/v1/events HTTP/1.1\r\nHost: {}:{}\r\nAccept: text/event-stream\r\n\r\n"
BUFFER = bytearray(1 << 20)


def masked(text):
    payload = text.encode()
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


def opened(host, port, head, status, afterwards=b""):
    connection = socket.create_connection((host, port), 30)
    connection.sendall(head.format(host, port).encode())
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(4096)
        if not more:
            break
        got += more
    if not got.startswith(f"HTTP/1.1 {status}".encode()):
        sys.exit(f"not opened: {got[:200]}")
    if afterwards:
        connection.sendall(afterwards)
    connection.setblocking(False)
    return connection


def main():
    host, port, sockets, streams = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    topics = sys.argv[5].split(",") if len(sys.argv) > 5 else []
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    subscribe = masked(json.dumps({"id": 1, "method": "subscribe", "params": {"topics": topics}})) if topics else b""
    ones = [opened(host, port, HELLO, 101, subscribe) for _ in range(sockets)]
    ones += [opened(host, port, EVENTS, 200) for _ in range(streams)]
    poll = select.epoll()
    for one in ones:
        poll.register(one, select.EPOLLIN)
    by_number = {one.fileno(): one for one in ones}
    poll.register(sys.stdin, select.EPOLLIN)
    print(f"open {len(ones)}", flush=True)
    taken = closed = 0
    while True:
        for number, _ in poll.poll():
            if number == sys.stdin.fileno():
                if sys.stdin.readline():
                    continue
                print(f"read {taken} closed {closed}", flush=True)
                return
            try:
                count = by_number[number].recv_into(BUFFER)
            except BlockingIOError:
                continue
            except OSError:
                count = 0
            taken += count
            if count == 0:
                poll.unregister(number)
                closed += 1


if __name__ == "__main__":
    main()
