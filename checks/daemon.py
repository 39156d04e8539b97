#!/usr/bin/env python3
"""What the daemon costs: start to `initialize` with a running daemon, memory of a thin client, and calls through the daemon
against calls through `--standalone`, in turns of one run. Linux.   checks/daemon.py BIN"""

import json, os, subprocess, sys, tempfile, time

ROUNDS, TURNS, CALLS, STARTS = 9, 100, 20, 30


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        registry = os.path.join(folder, "registry.json")
        with open(registry, "w") as file:
            json.dump({"mcpServers": {"bench": {"command": program, "args": ["demo-server", "--kind", "bench"]}}}, file)
        env = {"PATH": os.environ["PATH"], "HOME": folder, "XDG_RUNTIME_DIR": folder}
        command = [program, "--home", os.path.join(folder, "home"), "--registry", registry]
        subprocess.run([*command, "index", "rebuild"], env=env, check=True, stdout=subprocess.DEVNULL)
        try:
            measure(command, env)
        finally:
            subprocess.run([*command, "daemon", "--stop"], env=env, check=False)


def measure(command, env):
    first = Client(command, env)
    starts = sorted(Client(command, env).leave() for _ in range(STARTS))
    print(f"start -> initialize: first, starting the daemon {first.started_ms:.1f} ms; then p50 {starts[STARTS // 2]:.1f} ms, best {starts[0]:.1f} ms")
    time.sleep(0.2)
    print(f"thin client: {memory(first.process.pid)}")
    first.leave()
    # Where the system puts processes decides more than what they do, so each round has new ones.
    rounds = []
    for number in range(ROUNDS):
        subprocess.run([*command, "daemon", "--stop"], env=env, check=False, stdout=subprocess.DEVNULL)
        rounds.append(one_round(command, env))
        p50, used = rounds[-1]
        print(f"round {number + 1}: call p50 daemon {p50[0]:.1f} us, --standalone {p50[1]:.1f} us, ratio {p50[0] / p50[1]:.3f}; "
              f"processor time of mcporch {used[0]:.1f} and {used[1]:.1f} us, ratio {used[0] / used[1]:.3f}")
    middle = lambda values: sorted(values)[len(values) // 2]
    print(f"median of {ROUNDS} rounds: ratio of call p50 {middle([p50[0] / p50[1] for p50, _ in rounds]):.3f}, "
          f"of processor time {middle([used[0] / used[1] for _, used in rounds]):.3f}")


def one_round(command, env):
    shared, alone = Client(command, env), Client([*command, "--standalone"], env)
    daemon = daemon_of(env["XDG_RUNTIME_DIR"])
    took = [], []
    for client in (shared, alone):
        client.calls(CALLS)
    before = cpu_ns(daemon), cpu_ns(alone.process.pid)
    for _ in range(TURNS):
        took[0].extend(shared.calls(CALLS))
        took[1].extend(alone.calls(CALLS))
    p50 = [sorted(values)[len(values) // 2] * 1e6 for values in took]
    used = [(cpu_ns(pid) - was) / TURNS / CALLS / 1e3 for pid, was in zip((daemon, alone.process.pid), before)]
    shared.leave()
    alone.leave()
    return p50, used


def daemon_of(runtime):
    folder = os.path.join(runtime, "mcporch")
    lock = next(name for name in os.listdir(folder) if name.endswith(".lock"))
    with open(os.path.join(folder, lock)) as file:
        return int(file.read())


def cpu_ns(pid):
    """Nanoseconds that the main thread has run; unlike the clock on the wall it does not count what others do."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0])


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        lines = [line.split() for line in status if line.startswith(("VmRSS", "RssAnon", "RssFile"))]
    return ", ".join(f"{name} {int(kb) / 1024:.2f} MB" for name, kb, _ in lines)


class Client:
    def __init__(self, command, env):
        started = time.perf_counter()
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.last = 0
        who = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "check", "version": "1"}}
        self.ask("initialize", who)
        self.started_ms = (time.perf_counter() - started) * 1e3

    def ask(self, method, params):
        self.last += 1
        line = json.dumps({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params})
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        end = b'"id":%d,' % self.last
        while True:
            answer = self.process.stdout.readline()
            if not answer:
                raise SystemExit("mcporch ended")
            if end in answer[:60]:
                return answer

    def calls(self, count):
        took = []
        for _ in range(count):
            started = time.perf_counter()
            answer = self.ask("tools/call", {"name": "execute", "arguments": {"tool": "bench.echo_0", "params": {}}})
            took.append(time.perf_counter() - started)
        assert b'"result"' in answer, answer
        return took

    def leave(self):
        self.process.stdin.close()
        self.process.wait()
        return self.started_ms


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
