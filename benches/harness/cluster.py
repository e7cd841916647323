"""A PostgreSQL server of our own, with the configuration it comes with: every commit is on the disk before it is
answered."""

import hashlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from .processes import Failed, Program, run, unprivileged, until

PEERS = Path(__file__).resolve().parent.parent / "peers"
USER = "credits"
# The operator key of every endpoint that is measured: as long as one of Scrip's.
KEY = "sk_test_" + "0" * 43
# What the race's workspace pays for: 703 credits, 7 a hold.
RACE_COST, RACE_HOLDS, RACE_LEFT = 7, 100, 3
PAIR_COST = 20


def binaries() -> Path:
    """Returns the directory of the newest PostgreSQL's programs."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise Failed("there is no PostgreSQL server: apt-get install postgresql")
    newest = max(found, key=lambda path: float(path.parent.name)) if found else Path(on_path).resolve().parent
    for program in ("postgres", "psql", "pgbench"):
        if not (newest / program).exists():
            raise Failed(f"{newest} has no {program}: apt-get install postgresql postgresql-contrib")
    return newest


class Cluster:
    """A PostgreSQL server that listens on a socket in a private directory, and on no port."""

    def __init__(self, stack: ExitStack, place: Path, workspaces: int, clients: int):
        self.bin, self.place, self.workspaces = binaries(), place, workspaces
        self.log = place / "postgresql.log"
        owner = unprivileged()
        data = place / "postgresql"
        # Short, since the path of a socket is.
        self.socket = Path(tempfile.mkdtemp(prefix="scrip-peers-"))
        stack.callback(shutil.rmtree, self.socket, ignore_errors=True)
        data.mkdir(mode=0o700)
        if owner:
            place.chmod(0o711)
            for path in (data, self.socket):
                os.chown(path, owner["user"], owner["group"])
            if subprocess.run(["test", "-w", str(data)], **owner).returncode != 0:
                raise Failed(f"{data} cannot be reached by the user PostgreSQL runs as: give another --directory")
        settings = ["--encoding=UTF8", "--locale=C", "--auth=trust", f"--username={USER}", "--no-sync"]
        run("initdb", [self.bin / "initdb", "-D", data, *settings], self.log, cwd="/", **owner)
        server = [self.bin / "postgres", "-D", data, "-c", "listen_addresses=", "-k", self.socket, "-p", "5432"]
        # The default is 100, a few of them reserved.
        server += ["-c", f"max_connections={max(100, clients + 10)}"]
        # An interrupt is PostgreSQL's word for: end now, in order.
        self.server = stack.enter_context(
            Program("PostgreSQL", server, self.log, stop=signal.SIGINT, cwd="/", **owner)
        )
        until("PostgreSQL", self.is_ready)
        self.make_template()

    def is_ready(self) -> bool:
        self.server.is_up()
        asked = [self.bin / "psql", "-XAtqc", "SELECT 1", "postgres"]
        return subprocess.run(asked, env=self.env("postgres"), capture_output=True).returncode == 0

    def env(self, database: str) -> dict:
        """Returns the environment of a client, without the caller's own PostgreSQL settings."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "SCRIP_"))}
        return mine | {"PGHOST": str(self.socket), "PGPORT": "5432", "PGUSER": USER, "PGDATABASE": database}

    def sql(self, database: str, *arguments) -> str:
        psql = [self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *arguments]
        return run("psql", psql, self.log, env=self.env(database)).strip()

    def make_template(self) -> None:
        self.sql("postgres", "-c", "CREATE DATABASE seeded")
        sha256 = hashlib.sha256(KEY.encode()).hexdigest()
        values = ["-v", f"workspaces={self.workspaces}", "-v", f"sha256={sha256}"]
        self.sql("seeded", *values, "-1", "-f", PEERS / "credits.sql", "-f", PEERS / "seed.sql")
        self.sql("seeded", "-c", "VACUUM ANALYZE")

    def database(self, name: str) -> str:
        """A fresh copy of the seeded database."""
        self.sql("postgres", "-c", f"CREATE DATABASE {name} TEMPLATE seeded", "-c", "CHECKPOINT")
        return name

    def empty(self, name: str) -> str:
        """An empty database; its address in words, since a socket fits badly into a URL."""
        self.sql("postgres", "-c", f"CREATE DATABASE {name}", "-c", "CHECKPOINT")
        return f"host={self.socket} port=5432 user={USER} dbname={name}"

    def version(self) -> str:
        return self.sql("postgres", "-c", "SHOW server_version").split()[0]

    def settings(self) -> dict:
        """Returns the server's settings that durability depends on."""
        names = ["fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers"]
        return {name: self.sql("postgres", "-c", f"SHOW {name}") for name in names}

    def pgbench(self, database: str, hot: bool, connections: int, seconds: float) -> dict:
        """Pairs by the functions in the database: a fifth of the time to warm up, then the time that counts."""
        warm = seconds / 5
        logs = self.place / f"pgbench-{'hot' if hot else 'spread'}"
        logs.mkdir()
        self.run_pgbench(
            database,
            ["-M", "prepared", "-c", connections, "-j", min(connections, os.cpu_count() or 1)]
            + ["-T", math.ceil(warm + seconds), "-l", f"--log-prefix={logs}/pairs"]
            + ["-D", "first=1", "-D", f"last={1 if hot else self.workspaces}", "-f", PEERS / "pair.pgbench"],
        )
        pairs = []
        for log in logs.iterdir():
            for line in log.read_text().splitlines():
                took, ended, micros = (int(line.split()[column]) for column in (2, 4, 5))
                pairs.append((ended * 1_000_000 + micros, took))
        begin = min(ended - took for ended, took in pairs) + int(warm * 1_000_000)
        end = begin + int(seconds * 1_000_000)
        return rate([took for ended, took in pairs if begin <= ended < end], connections, seconds)

    def race_by_function(self, database: str, connections: int) -> None:
        """One balance from all sides: twice as many attempts as it pays for."""
        attempts = math.ceil(2 * RACE_HOLDS / connections)
        self.run_pgbench(
            database,
            ["-M", "simple", "-c", connections, "-t", attempts]
            + ["-D", f"last={self.workspaces + 1}", "-f", PEERS / "race.pgbench"],
        )
        again = "SELECT hold(1, 20, 'again') = hold(1, 20, 'again')"
        if self.sql(database, "-c", again) != "t":
            raise Failed("a key that is used again was answered with another hold")

    def run_pgbench(self, database: str, arguments: list) -> None:
        printed = run("pgbench", [self.bin / "pgbench", "-n", *arguments], self.log, env=self.env(database))
        failed = re.search(r"number of failed transactions: (\d+)", printed)
        if failed and failed.group(1) != "0":
            raise Failed(f"{failed.group(1)} transactions of pgbench failed")

    def check(self, database: str, pairs: int) -> dict:
        """The books after a run: they add up, no credit was spent twice, and every pair that was counted is there."""
        books = json.loads(self.sql(database, "-c", "SELECT row_to_json(books) FROM books"))
        race = f"workspace_id = {self.workspaces + 1}"
        holds = int(self.sql(database, "-c", f"SELECT count(*) FROM holds WHERE {race}"))
        left = int(self.sql(database, "-c", f"SELECT sum(available) FROM grants WHERE {race}"))
        wrong = {
            "a grant that differs from its entries or holds": books["wrong_grants"] != 0,
            "a hold that differs from its parts": books["wrong_holds"] != 0,
            "available + held + captured is not what was granted": (
                books["available"] + books["held"] + books["captured"] != books["granted"]
            ),
            "captures that no capture of the load explains": (
                books["captured"] != PAIR_COST * (books["captured_holds"] - RACE_HOLDS) + RACE_COST * RACE_HOLDS
            ),
            "a pair that was answered and is not there": books["captured_holds"] - RACE_HOLDS < pairs,
            f"a balance that paid for {holds} holds and not {RACE_HOLDS}": (holds, left) != (RACE_HOLDS, RACE_LEFT),
        }
        found = [what for what, is_so in wrong.items() if is_so]
        if found:
            raise Failed(f"THE BOOKS OF {database} DO NOT ADD UP: {'; '.join(found)}\n{json.dumps(books)}")
        return books


def rate(micros: list, connections: int, seconds: float) -> dict:
    """Pairs a second and how long they took, in the words of `scrip-bench aims`."""
    if not micros:
        raise Failed("not one pair ended in time: use more --seconds")
    micros = sorted(micros)
    at = lambda percent: micros[min(len(micros) * percent // 100, len(micros) - 1)]
    return {
        "connections": connections,
        "pairs_per_second": round(len(micros) / seconds),
        "p50_us": at(50),
        "p99_us": at(99),
        "pairs": len(micros),
    }
