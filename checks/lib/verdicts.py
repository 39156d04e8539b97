"""Counting and printing what checks find. The standard library alone."""


class Skipped(Exception):
    """What is checked cannot be checked here; the message says why."""


class Verdicts:
    """The findings, one line each, printed as they come."""

    def __init__(self, only=""):
        self.only, self.passed, self.failed, self.skipped = only.lower(), 0, 0, 0

    def section(self, title):
        print(f"\n== {title}", flush=True)

    def check(self, name, tried):
        """`tried()` gives nothing when all is well, or what is wrong; what it raises is wrong too."""
        if self.only not in name.lower():
            return
        try:
            wrong = tried()
        except Skipped as why:
            self.skip(f"{name}: {why}")
            return
        except Exception as error:  # noqa: BLE001  # A refused connection, a time-out: all of them are findings.
            wrong = f"{type(error).__name__}: {error}"
        self.passed += not wrong
        self.failed += bool(wrong)
        print(f"  FAIL {name}  ({in_one_line(wrong)})" if wrong else f"  ok   {name}", flush=True)

    def whole(self, name, run):
        """A group of checks; what keeps it from going on is a failure of its own."""
        try:
            run()
        except Exception as error:  # noqa: BLE001  # As above.
            self.failed += 1
            print(f"  FAIL {name} cannot go on  ({type(error).__name__}: {in_one_line(error)})", flush=True)

    def skip(self, what):
        self.skipped += 1
        print(f"skipped: {what}", flush=True)

    def end(self):
        """The last line, and the exit status."""
        print(f"\n{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0


def in_one_line(what):
    return " ".join(str(what).split())[:600]
