"""mcporch as the checks start it: a registry, `serve --http` on a port that the system picks, and what is installed to
talk to it. The standard library alone.
"""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

# Start of mcporch, also on a machine that builds something at the same time.
START_S_MAX = 30
# mcporch closes its children's stdin, and gives them two seconds before it gets rough.
STOP_S_MAX = 15

HERE = pathlib.Path(__file__).resolve().parent
LEGACY, MODERN = "2025-11-25", "2026-07-28"


def default_cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "mcporch-checks"


def installed(cache, what):
    """What `units.sh` installed, as {name: path}; what is missing is said on stderr by it."""
    done = subprocess.run([str(HERE / "units.sh"), str(cache), what], stdout=subprocess.PIPE, text=True, check=True)
    return dict(line.split("\t", 1) for line in done.stdout.splitlines())


def binary(path):
    """The binary to check, as an absolute path, or the end of the program."""
    found = pathlib.Path(path).resolve()
    if not os.access(found, os.X_OK):
        sys.exit(f"no mcporch binary at {path}: run 'cargo build --release' and give target/release/mcporch")
    return str(found)


def fixture(mcporch, era, record=None):
    """The registry's entry of our fixture as a child; `record` is a file that gets every line that it receives.

    The fixture is the same binary, or another one that CHECKS_FIXTURE names.
    """
    mcporch = os.environ.get("CHECKS_FIXTURE", mcporch)
    args = ["demo-server", "--conformance", "--era", era]
    return {"command": mcporch, "args": args + (["--record", str(record)] if record else [])}


def demo(mcporch, kind, *args):
    """The registry's entry of a demo server."""
    return {"command": mcporch, "args": ["demo-server", "--kind", kind, *map(str, args)]}


def remote(url, **more):
    """The registry's entry of a server at `url`."""
    return {"type": "http", "url": url} | more


def write_registry(path, servers):
    pathlib.Path(path).write_text(json.dumps({"mcpServers": servers}, indent=2))
    return str(path)


def environment(home):
    """Ours, without what would lead to the home of whoever runs this."""
    home = pathlib.Path(home).resolve()
    for name in ["home", "run"]:
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    own = {"HOME": home / "home", "MCPORCH_HOME": home / "mcporch", "XDG_RUNTIME_DIR": home / "run"}
    return os.environ | {name: str(path) for name, path in own.items()}


class NotStarted(Exception):
    """`serve --http` gave no address; the message ends with what it wrote."""


class Serving:
    """`mcporch serve --http` in front of a registry. A context manager; `url` is the address without a path.

    `options` stand before `serve`, `more` behind its address.
    """

    def __init__(self, mcporch, home, servers, options=(), address="127.0.0.1:0", variables=None, more=()):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        registry = write_registry(self.home / "registry.json", servers)
        self.stderr_path = self.home / "serve.stderr"
        self.command = [mcporch, "--registry", registry, *options, "--json", "serve", "--http", address, *more]
        self.environment = environment(home) | (variables or {})
        self.process, self.url = None, None

    def __enter__(self):
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, env=self.environment
            )
        try:
            self.url = self.wait_for_address()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_for_address(self):
        """The first address on stdout (JSON) or stderr (a sentence), whichever comes first."""
        said, end = b"", time.monotonic() + START_S_MAX
        while time.monotonic() < end:
            ready, _, _ = select.select([self.process.stdout], [], [], 0.05)
            if ready:
                said += os.read(self.process.stdout.fileno(), 4096)
            found = re.search(r"https?://(?:\[[0-9a-f:]+\]|[\w.-]+):\d+", said.decode(errors="replace") + self.stderr())
            if found:
                return found.group(0)
            if self.process.poll() is not None:
                break
        raise NotStarted(f"{' '.join(self.command)}: {(said.decode(errors='replace') + self.stderr())[-600:].strip()}")

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def memory_kib(self, what="VmRSS"):
        """Resident memory of the serving process, without its children; `RssAnon` is what it has for itself alone."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+)", status).group(1))

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                print(f"mcporch did not end within {STOP_S_MAX} s of SIGTERM, and was killed", file=sys.stderr)
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def print_table(header, rows):
    """Columns as wide as they need to be; every row is a list of texts."""
    widths = [max(len(str(row[column])) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
