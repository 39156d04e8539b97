#!/usr/bin/env python3
"""Kills servers under load and counts what becomes of the calls. Linux; the standard library alone.

    supervision.py kill_storm MCPORCH [--seconds 60] [--quiet-seconds 20] [--rate 200] [--every 2]
    supervision.py soak MCPORCH [--minutes 5] [--rate 300] [--servers 4]

`kill_storm`: one demo server is killed (SIGKILL) again and again under a steady rate of calls, beside another one that is left
in peace. Says how many answers each request got (it must be one), how long the killed one took until it was ready again
(from the kill to the line in its log), and the p99 of the other one with and without the kills, in one run.

`soak`: calls to several servers through the daemon, one of which is killed every second or so. Says what the daemon used
after the first tenth and at the end: memory, descriptors, threads, and children that nobody asked how they ended.

Exit code 1 when a request got no answer or two, or something is left behind.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone

# Longest wait for answers that are still owed when the calls are over; longer than a start and its waits.
LAST_ANSWERS_S = 20


def text_of(message):
    """What an error says, without its numbers, so that the same ones are counted together."""
    if "error" in message:
        text = message["error"]["message"]
    else:
        text = " ".join(part.get("text", "") for part in message["result"]["content"])
    return "".join("#" if letter.isdigit() else letter for letter in text)[:200]


class Client:
    """An MCP client on pipes, which sends at a steady rate and notes each answer."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lock = threading.Lock()
        self.next_id = 0
        self.sent = {}
        self.answers = {}
        self.results = []
        self.said = {}
        threading.Thread(target=self.read, daemon=True).start()
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "storm", "version": "1"}}
        self.ask("initialize", hello)
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def write(self, message):
        with self.lock:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def send(self, method, params, about=None):
        with self.lock:
            number = self.next_id
            self.next_id += 1
            self.sent[number] = (time.perf_counter(), about)
        self.write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    def read(self):
        for line in self.process.stdout:
            now = time.perf_counter()
            message = json.loads(line)
            number = message.get("id")
            if number is None or "method" in message:
                continue
            self.answers[number] = self.answers.get(number, 0) + 1
            sent, about = self.sent.get(number, (now, None))
            if about is not None:
                failed = "error" in message or bool(message["result"].get("isError"))
                self.results.append((sent, now - sent, about, failed))
                if failed:
                    self.said[text_of(message)] = self.said.get(text_of(message), 0) + 1

    def ask(self, method, params):
        number = self.send(method, params)
        wait_until(lambda: number in self.answers, f"an answer to {method}")

    def call(self, server):
        self.send("tools/call", {"name": "execute", "arguments": {"tool": f"{server}.echo_0", "params": {}}}, server)

    def run(self, seconds, rate, servers):
        """Calls the servers in turn at this rate, all together, and waits for the answers that are still owed."""
        began = time.perf_counter()
        for number in range(int(seconds * rate)):
            late = began + number / rate - time.perf_counter()
            if late > 0:
                time.sleep(late)
            self.call(servers[number % len(servers)])
        until = time.perf_counter() + LAST_ANSWERS_S
        while len(self.answers) < self.next_id and time.perf_counter() < until:
            time.sleep(0.05)

    def faults(self):
        """Requests without an answer, and such with more than one."""
        missing = sum(1 for number in self.sent if number not in self.answers)
        return missing, sum(1 for count in self.answers.values() if count > 1)

    def leave(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Home:
    """A folder with a registry of demo servers, and the daemon over it."""

    def __init__(self, folder, program, servers):
        self.folder = pathlib.Path(folder)
        self.program = program
        entry = {"command": program, "args": ["demo-server"]}
        registry = self.folder / "registry.json"
        registry.write_text(json.dumps({"mcpServers": {name: entry for name in servers}}))
        self.flags = ["--home", str(self.folder / "home"), "--registry", str(registry)]
        self.flags += ["--set", f"daemon.run_folder={self.folder / 'run'}"]
        self.run("index", "rebuild")

    def command(self, *args):
        return [self.program, *self.flags, *args]

    def run(self, *args):
        ran = subprocess.run(self.command(*args), capture_output=True, check=True, stdin=subprocess.DEVNULL)
        return ran.stdout

    def status(self):
        return json.loads(self.run("status", "--json"))

    def server(self, name):
        return next(server for server in self.status()["servers"] if server["server"] == name)

    def kill(self, name):
        """Kills the server's process; gives the time, or None when it has none."""
        pid = self.server(name)["pid"]
        if pid is None:
            return None
        at = time.time()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return at

    def ready_times(self, name):
        """When its log says that it was ready, in seconds since 1970."""
        found = []
        for file in sorted((self.folder / "home/logs/servers").glob(f"{name}.log*")):
            for line in file.read_text(errors="replace").splitlines():
                if " mcporch ready" in line:
                    when = datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%M:%S.%fZ")
                    found.append(when.replace(tzinfo=timezone.utc).timestamp())
        return sorted(found)

    def end(self):
        pid = self.status()["daemon"]["pid"]
        self.run("daemon", "--stop")
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the daemon to be gone")


def wait_until(is_so, what):
    until = time.perf_counter() + 60
    while not is_so():
        if time.perf_counter() > until:
            sys.exit(f"waited too long for {what}")
        time.sleep(0.01)


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def told(results, server, since=0.0):
    mine = [one for one in results if one[2] == server and one[0] >= since]
    waits = [1000 * took for _, took, _, _ in mine]
    failed = sum(1 for one in mine if one[3])
    print(f"  {server}: {len(mine)} calls, {failed} answered with an error, p50 {share(waits, 0.5):.2f} ms,"
          f" p99 {share(waits, 0.99):.2f} ms, longest {max(waits, default=0):.0f} ms")
    return share(waits, 0.99)


def verdict(client):
    """What the errors said, and how many requests were not answered exactly once."""
    for text, count in sorted(client.said.items(), key=lambda one: -one[1])[:10]:
        print(f"  {count} times: {text}")
    missing, twice = client.faults()
    print(f"  {client.next_id} requests: {missing} without an answer, {twice} with more than one")
    client.leave()
    return missing + twice


def kill_storm(args, home):
    client = Client(home.command())
    home.run("start")
    servers = ["victim", "other"]
    print(f"without kills, {args.quiet_seconds:.0f} s at {args.rate} calls/s for each")
    began = time.perf_counter()
    client.run(args.quiet_seconds, 2 * args.rate, servers)
    quiet = told(client.results, "other", began)
    told(client.results, "victim", began)

    kills, over = [], threading.Event()

    def killing():
        while not over.wait(args.every):
            kills.append(home.kill("victim"))

    print(f"killed every {args.every:.0f} s, for {args.seconds:.0f} s")
    began = time.perf_counter()
    thread = threading.Thread(target=killing)
    thread.start()
    client.run(args.seconds, 2 * args.rate, servers)
    over.set()
    thread.join()
    storm = told(client.results, "other", began)
    told(client.results, "victim", began)
    kills = [at for at in kills if at is not None]
    time.sleep(2)
    ready = home.ready_times("victim")
    # The log has whole milliseconds.
    waits = [min((1000 * (at - kill) for at in ready if at > kill - 0.001), default=float("inf")) for kill in kills]
    print(f"  {len(kills)} kills; ready again after p50 {share(waits, 0.5):.0f} ms, p99 {share(waits, 0.99):.0f} ms,"
          f" longest {max(waits, default=0):.0f} ms")
    print(f"  the other's p99 is {storm / quiet:.2f} times that without kills")
    return verdict(client)


def proc(pid):
    """Memory in kB, descriptors, threads, and dead children of a process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    value = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if ":" in line and len(line.split()) > 1}
    dead = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                dead += pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                pass
    return int(value["VmRSS"]), len(os.listdir(f"/proc/{pid}/fd")), int(value["Threads"]), dead


def soak(args, home):
    client = Client(home.command())
    home.run("start")
    servers = [f"s{number}" for number in range(args.servers)]
    daemon = home.status()["daemon"]["pid"]
    seconds = args.minutes * 60
    samples, over, kills = [], threading.Event(), [0]
    last = dict.fromkeys(servers, 0.0)

    def killing():
        while not over.wait(random.uniform(0.5, 1.5)):
            # One that dies again and again within a second of its start counts as crashed, and rightly so.
            ripe = [server for server in servers if time.time() - last[server] > 3]
            if ripe:
                server = random.choice(ripe)
                last[server] = time.time()
                kills[0] += home.kill(server) is not None

    def sampling():
        while not over.wait(min(5, seconds / 40)):
            samples.append(proc(daemon))

    threads = [threading.Thread(target=killing), threading.Thread(target=sampling)]
    for thread in threads:
        thread.start()
    client.run(seconds, args.rate, servers)
    over.set()
    for thread in threads:
        thread.join()
    # Medians of some samples: one alone depends on what is in flight.
    tenth = max(1, len(samples) // 10)
    median = lambda part: [sorted(column)[len(part) // 2] for column in zip(*part)]
    first, last = median(samples[tenth:2 * tenth] or samples), median(samples[-tenth:])
    for server in servers:
        told(client.results, server)
    print(f"  {kills[0]} kills in {seconds:.0f} s at {args.rate} calls/s")
    for name, before, after in zip(["memory in kB", "descriptors", "threads"], first, last):
        print(f"  {name}: {before} after a tenth, {after} at the end ({100 * (after - before) / before:+.1f} %)")
    print(f"  dead children nobody asked about: {max(sample[3] for sample in samples)} at most, {proc(daemon)[3]} at the end")
    return verdict(client)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill_storm", "soak"])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--quiet-seconds", type=float, default=20)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=int, default=None)
    parser.add_argument("--every", type=float, default=2)
    parser.add_argument("--servers", type=int, default=4)
    args = parser.parse_args()
    is_storm = args.what == "kill_storm"
    args.rate = args.rate or (200 if is_storm else 300)
    servers = ["victim", "other"] if is_storm else [f"s{number}" for number in range(args.servers)]
    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder, str(args.program.resolve()), servers)
        try:
            faults = kill_storm(args, home) if is_storm else soak(args, home)
        finally:
            pids = [server["pid"] for server in home.status()["servers"] if server["pid"]]
            home.end()
        until = time.perf_counter() + 10
        while any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids) and time.perf_counter() < until:
            time.sleep(0.05)
        left = [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
        print(f"  left behind: {len(left)}")
    sys.exit(1 if faults or left else 0)


if __name__ == "__main__":
    main()
