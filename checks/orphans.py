#!/usr/bin/env python3
"""Kills mcporch, or what stands between it and a server, with signal 9 over and over, and counts who is still alive a second later.

checks/orphans.py MCPORCH [--rounds 100] [--servers 2] [--level basic] [--kill mcporch|daemon|client|shim|server|nothing]

Each server is a family of five: itself, a child, one in a process group of its own, one in a session of its own, and a daemon
whose parent has left. `mcporch` is one that does everything itself; `daemon` is the daemon; `client` is the thin client, after which
the daemon, told to leave a second after its last client, must be gone with all servers a second later. With `nothing` it ends
properly, by the end of its client. Exit code 1 when anybody survived.
Linux only, Python's standard library only.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

FAMILY = 5


def children(pid):
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found


def below(pid):
    found = [pid]
    for one in found:
        found += [child for child in children(one) if child not in found]
    return found[1:]


def was_given(pid, argument):
    """Whether this stands in its command line; not when it is gone, be it with another one of the family."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return argument in file.read().split(b"\0")
    except OSError:
        return False


def is_shim(pid):
    return was_given(pid, b"__shim")


def state(pid):
    """The letter of its state; nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            text = file.read()
            return text[text.rindex(")") + 2]
    except OSError:
        return ""


def is_alive(pid):
    return state(pid) not in ("", "Z", "X")


def start(program, folder, servers, level, is_shared):
    args = ["demo-server", "--kind", "bench", "--fork-family", "--ignore-eof", "--ignore-term"]
    entry = {"command": program, "args": args, "sandbox": level}
    registry = os.path.join(folder, "registry.json")
    with open(registry, "w") as file:
        json.dump({"mcpServers": {f"s{number}": entry for number in range(servers)}}, file)
    command = [program, "--home", os.path.join(folder, "home"), "--registry", registry]
    for setting in ("servers.close_grace_ms=100", "servers.term_grace_ms=100", "daemon.idle_exit_s=1"):
        command += ["--set", setting]
    command += [] if is_shared else ["--standalone"]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(command, env={"HOME": folder, "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": folder}, **pipes)
    me = {"name": "orphans", "version": "1"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": me}
    ask(process, 1, "initialize", hello)
    for number in range(servers):
        call = {"name": "execute", "arguments": {"tool": f"s{number}.echo_0", "params": {}}}
        ask(process, number + 2, "tools/call", call)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        tree = below(daemon_of(folder) if is_shared else process.pid)
        # Without a shim the daemon falls to somebody else, and is not even counted.
        if len([pid for pid in tree if not is_shim(pid)]) == (FAMILY - (level == "none")) * servers:
            return process, tree
        time.sleep(0.01)
    process.kill()
    sys.exit("the families did not come to be")


def daemon_of(folder):
    run = os.path.join(folder, "mcporch")
    lock = next(name for name in os.listdir(run) if name.endswith(".lock"))
    with open(os.path.join(run, lock)) as file:
        return int(file.read())


def ask(process, number, method, params):
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write((json.dumps(message) + "\n").encode())
    process.stdin.flush()
    while True:
        answer = json.loads(process.stdout.readline())
        if answer.get("id") == number:
            return answer


def one_round(options):
    """How many live after a second, how long it took until none did, and how many dead ones mcporch keeps in its list."""
    with tempfile.TemporaryDirectory() as folder:
        is_shared = options.kill in ("daemon", "client")
        process, tree = start(options.program, folder, options.servers, options.level, is_shared)
        if is_shared:
            daemon = daemon_of(folder)
            tree.append(daemon)
        allowed = 2 if options.kill == "client" else 1
        killed = time.monotonic()
        if options.kill == "mcporch":
            process.kill()
            process.wait()
        elif options.kill == "daemon":
            # The client goes first, so that it starts no other one.
            process.kill()
            process.wait()
            os.kill(daemon, signal.SIGKILL)
        elif options.kill == "client":
            process.kill()
            process.wait()
        elif options.kill == "nothing":
            process.stdin.close()
            process.wait()
            killed = time.monotonic()
        else:
            for pid in tree:
                # Of the shims the outermost one, which is our own child.
                if is_server(pid) if options.kill == "server" else is_shim(pid) and pid in children(process.pid):
                    os.kill(pid, signal.SIGKILL)
        gone_after = None
        while time.monotonic() < killed + allowed:
            if not any(is_alive(pid) for pid in tree):
                gone_after = time.monotonic() - killed
                break
            time.sleep(0.001)
        survivors = [pid for pid in tree if is_alive(pid)]
        dead_in_list = 0
        if process.poll() is None:
            time.sleep(0.1)
            dead_in_list = len([pid for pid in below(process.pid) if state(pid) == "Z"])
        for pid in survivors:
            os.kill(pid, signal.SIGKILL)
        if process.poll() is None:
            process.kill()
            process.wait()
        return len(survivors), gone_after, dead_in_list


def is_server(pid):
    return was_given(pid, b"--fork-family")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--level", default="basic")
    parser.add_argument("--kill", choices=["mcporch", "daemon", "client", "shim", "server", "nothing"], default="mcporch")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    results = [one_round(options) for _ in range(options.rounds)]
    survivors = sum(result[0] for result in results)
    times = sorted(result[1] for result in results if result[1] is not None)
    all_gone = "never were all gone"
    if times:
        all_gone = f"all gone after p50 {times[len(times) // 2] * 1000:.0f} ms, at most {times[-1] * 1000:.0f} ms"
    print(
        f"level {options.level}, kill -9 of {options.kill}: {options.rounds} rounds, {options.servers} servers with "
        f"{FAMILY} processes each: {survivors} survivors after 1 s; {all_gone}; "
        f"{sum(result[2] for result in results)} dead ones left in the list"
    )
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
