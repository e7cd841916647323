"""Programs that are started here and end when this process does, however it ends."""

import os
import pwd
import signal
import subprocess
import time
from pathlib import Path

# How long a program may take to end when it is asked to, in seconds. # assumed
PATIENCE = 20


class Failed(Exception):
    """A failure, whose text says the fault and the remedy."""


class Program:
    """A program in a session of its own, so that it and its children end together, and a Ctrl-C is ours alone."""

    def __init__(self, name: str, arguments: list, log: Path, stop=signal.SIGTERM, **options):
        self.name, self.log, self.stop = name, log, stop
        options.setdefault("stdout", open(log, "ab"))
        try:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stderr=open(log, "ab"),
                start_new_session=True,
                **options,
            )
        except OSError as error:
            raise Failed(f"{name} does not start: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(self.stop)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        # Whatever is left of its session, which nobody but this program has started.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def is_up(self) -> None:
        """Raises `Failed` when the program has ended."""
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with {self.process.returncode}:\n{tail(self.log)}")


def tail(log: Path) -> str:
    """Returns the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-25:])


def run(name: str, arguments: list, log: Path, **options) -> str:
    """Runs a program to its end; returns its output."""
    with Program(name, arguments, log, stdout=subprocess.PIPE, **options) as program:
        printed = program.process.stdout.read().decode()
        if program.process.wait() != 0:
            raise Failed(f"{name} ended with {program.process.returncode}:\n{printed[-2_000:]}\n{tail(log)}")
    return printed


def until(what: str, ready, seconds: float = 60):
    """Repeats a question until there is an answer, which is returned."""
    end = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"{what} took longer than {seconds} s")
        time.sleep(0.05)


def unprivileged() -> dict:
    """Returns options of `Popen` for a database server, which refuses to run as root; empty for another caller."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Failed("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
