#!/usr/bin/env python3
"""Five clients on the same servers: how many processes and how much memory, through one daemon and each by itself.

usage: checks/five_clients.py MCPORCH REGISTRY [CLIENTS]

Every server of the registry is started. Memory is the proportional share (PSS) of all processes, so what they share counts once.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 120


def tree(pid):
    found, unseen = [], [pid]
    while unseen:
        pid = unseen.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                unseen += map(int, open(f"/proc/{pid}/task/{task}/children").read().split())
        except OSError:
            pass
    return found


def memory(pid, key):
    try:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def is_shim(pid):
    try:
        return b"__shim" in open(f"/proc/{pid}/cmdline", "rb").read()
    except OSError:
        return False


class Client:
    def __init__(self, command, env):
        self.child = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ask(1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "check", "version": "1"}})
        self.tell("notifications/initialized")

    def tell(self, method):
        self.child.stdin.write(json.dumps({"jsonrpc": "2.0", "method": method}).encode() + b"\n")
        self.child.stdin.flush()

    def ask(self, id, method, params):
        self.child.stdin.write(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode() + b"\n")
        self.child.stdin.flush()
        while True:
            answer = json.loads(self.child.stdout.readline())
            if answer.get("id") == id:
                return answer

    def leave(self):
        self.child.stdin.close()
        self.child.wait(30)


def settled(count):
    """Waits until as many processes are there as stay."""
    last, since = -1, time.time()
    began = time.time()
    while time.time() - began < PATIENCE_S:
        now = count()
        if now != last:
            last, since = now, time.time()
        elif time.time() - since > 8:
            return last
        time.sleep(0.5)
    return last


def run(program, registry, clients, is_shared):
    with tempfile.TemporaryDirectory() as folder:
        env = {key: value for key, value in os.environ.items() if not key.startswith("MCPORCH_")}
        env["XDG_RUNTIME_DIR"] = folder
        command = [program, "--home", os.path.join(folder, "home"), "--registry", registry]
        subprocess.run(command + ["index", "rebuild", "--json"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mode = [] if is_shared else ["--standalone"]
        connected = [Client(command + mode, env) for _ in range(clients)]
        roots = [client.child.pid for client in connected]
        if is_shared:
            status = json.loads(subprocess.run(command + ["status", "--json"], env=env, check=True, capture_output=True).stdout)
            roots.append(status["daemon"]["pid"])
        # The daemon may be a child of the first client, so each process is taken once.
        everyone = lambda: {pid for root in roots for pid in tree(root)}
        settled(lambda: len(everyone()))
        pids = everyone()
        shims = sum(map(is_shim, pids))
        result = {
            "processes": len(pids),
            "of them shims": shims,
            "PSS, MB": round(sum(memory(pid, "Pss") for pid in pids)),
            "of them shims, PSS MB": round(sum(memory(pid, "Pss") for pid in pids if is_shim(pid)), 1),
            "mcporch alone (without servers), PSS MB": round(sum(memory(root, "Pss") for root in roots), 1),
        }
        if is_shared:
            thin = [memory(client.child.pid, "Rss") for client in connected]
            result["thin client, RSS MB"] = f"{min(thin):.2f} to {max(thin):.2f}"
            servers = json.loads(subprocess.run(command + ["status", "--json"], env=env, check=True, capture_output=True).stdout)["servers"]
            result["servers running"] = sum(server["state"] == "ready" for server in servers)
        for client in connected:
            client.leave()
        if is_shared:
            subprocess.run(command + ["daemon", "--stop"], env=env, check=False, stdout=subprocess.DEVNULL)
        return result


def main():
    program, registry = os.path.abspath(sys.argv[1]), sys.argv[2]
    clients = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    read = json.load(open(registry))
    for servers in read.values():
        if isinstance(servers, dict):
            for entry in servers.values():
                if isinstance(entry, dict) and "command" in entry:
                    entry["start"] = "eager"
    with tempfile.TemporaryDirectory() as folder:
        eager = os.path.join(folder, "registry.json")
        json.dump(read, open(eager, "w"))
        for is_shared in (True, False):
            name = "one daemon" if is_shared else "each by itself"
            print(f"{clients} clients, {name}: {json.dumps(run(program, eager, clients, is_shared))}", flush=True)


if __name__ == "__main__":
    main()
