"""Instructions of a piece of work, counted by callgrind, against the counts that were written down.

A program does the same thing so many times and ends; a second run does it more often. What the second takes more,
divided by how much more often, is one time: starting up and preparing fall out of it."""

import platform
import re
import subprocess
import tempfile
from pathlib import Path

from .processes import Failed, run

# What is counted, and how often in the shorter and in the longer run.
ROUNDS = {"typical": (200, 2_200), "large": (100, 600), "hold": (64, 576), "run": (64, 576), "key-run": (64, 576)}
WORDS = {
    "typical": "engine: a hold and its capture on a typical workspace",
    "large": "engine: the same with 64 grants and 256 holds",
    "hold": "a hold over HTTP, from the socket to the disk",
    "run": "a run over HTTP, by the operator",
    "key-run": "the same by a key of the workspace, which is judged",
}
# What a thread has to have run for its instructions to count: the requests', the engine's. The projections are folded
# by a thread that looks for work as often as the scheduler lets it, so that its count does not repeat.
COUNTED = ("hyper::", "scrip_engine::apply")
# Source files that do not count: a thread that first needs a random number measures for as long as it takes how
# irregular the machine's clock is, which is many times what is counted here, and another number each time.
LEFT_OUT = "jitterentropy"
# A share by which a count may differ from the one that is kept.
TOLERANCE = 0.03


def describe_machine(bench: Path) -> dict:
    """Returns the conditions of a count beside the code: the compiler, the counter, the C library and the processor's
    widest vectors, by which the library and the cryptography choose their loops."""
    said = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    known = set(flags.group(1).split()) if flags else set()
    widest = next((name for name in ("avx2", "avx", "sse4_2") if name in known), "none")
    # The compiler's name is in the program: the one on the path need not have built it.
    built_by = re.search(rb"rustc version (\d[^)\x00]*\))", bench.read_bytes())
    if not built_by:
        raise Failed(f"{bench} does not say by which compiler it was built: build it with debug information")
    return {
        "compiler": f"rustc {built_by.group(1).decode()}",
        "valgrind": said("valgrind", "--version").strip().removeprefix("valgrind-"),
        "library": " ".join(platform.libc_ver()),
        "processor": f"{platform.machine()} {widest}",
    }


def total(bench: Path, what: str, rounds: int, place: Path) -> int:
    """All instructions of a run in user space, in the threads that count."""
    with tempfile.TemporaryDirectory(dir=place) as out:
        arguments = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}/thread"]
        arguments += ["--log-file=/dev/null", bench, "count", what, "--rounds", rounds]
        run("valgrind", [*arguments, "--directory", place], place / "valgrind.log")
        written = [file.read_text() for file in Path(out).iterdir()]
    counted = [text for text in written if any(mark in text for mark in COUNTED)]
    if not counted:
        raise Failed(f"callgrind saw no thread that runs {' or '.join(COUNTED)}")
    return sum(map(own_costs, counted))


def own_costs(text: str) -> int:
    """The instructions of a thread, a sum over what each line of source costs by itself."""
    files, counts, called, costs = {}, True, False, 0
    for line in text.splitlines():
        named = re.match(r"(c?)f[lie]=\((\d+)\)(?: (.*))?$", line)
        if named:
            # A file is named in full where it first comes up, be it that something of it is called.
            name = files.setdefault(named.group(2), named.group(3))
            if not named.group(1):
                counts = LEFT_OUT not in name
        elif line.startswith("calls="):
            called = True
        elif re.match(r"[-+*\d]\S* \d+$", line):
            # After a call comes what was called, which has a place of its own.
            if counts and not called:
                costs += int(line.split()[1])
            called = False
    return costs


def count(bench: Path, what: str, place: Path) -> int:
    """Returns the instructions of one repetition."""
    few, many = ROUNDS[what]
    return round((total(bench, what, many, place) - total(bench, what, few, place)) / (many - few))


def judge(kept: dict, machine: dict, counts: dict) -> tuple:
    """Compares counts with those written down; returns `True` if they agree, and lines for the reader."""
    lines, good = [], True
    differs = [name for name, value in machine.items() if kept["machine"].get(name) != value]
    for what in {**kept["instructions"], **counts}:
        old, new = kept["instructions"].get(what), counts.get(what)
        words = WORDS.get(what, what)
        if old is None or new is None:
            lines.append(f"{words}: {'not written down' if old is None else 'not counted'} (--write)")
            good = False
            continue
        change = new / old - 1
        line = f"{words}: {new:,} instructions, {change:+.1%}".replace("%", " %") + f" of {old:,}"
        if abs(change) > TOLERANCE and not differs:
            good = False
            line += ": MORE THAN BEFORE; find out why, or write it down with the reason: benches/instructions --write"
            if change < 0:
                line = line.replace("MORE THAN BEFORE; find out why, or write it", "less than before: write it")
                line = line.replace(" with the reason", ", so that it stays so")
        lines.append(line)
    if differs:
        was = ", ".join(f"{name} {kept['machine'].get(name)}" for name in differs)
        lines.append(f"What is kept was counted with another {', '.join(differs)} ({was}): nothing is judged.")
    return good, lines
