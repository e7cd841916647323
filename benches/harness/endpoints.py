"""The two endpoints that people write by hand: installing what they run on, starting them, loading them."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from . import load
from .cluster import PEERS, RACE_HOLDS, Cluster
from .processes import Failed, Program, run


def install_into(folder: Path, sources: list, install) -> Path:
    """Installs the requirements of some files into a folder, again when one of them changes."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources) + sys.version.encode()).hexdigest()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"installing into {folder} …", file=sys.stderr)
        install()
        stamp.write_text(digest)
    return folder


def fastapi(target: Path, log: Path):
    """Returns the command that starts FastAPI on a port, and its versions."""
    wanted = PEERS / "fastapi" / "requirements.txt"
    folder = target / "peers" / "fastapi"

    def install():
        try:
            import ensurepip  # noqa: F401
            import venv  # noqa: F401
        except ImportError as error:
            raise Failed("Python cannot make virtual environments: apt-get install python3-venv") from error
        run("venv", [sys.executable, "-m", "venv", folder / "venv"], log)
        pip = [folder / "venv/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        run("pip", [*pip, "--requirement", wanted], log)

    install_into(folder, [wanted], install)
    pins = dict(line.split("==") for line in wanted.read_text().split("\n") if "==" in line)
    versions = {"python": sys.version.split()[0]} | {name: pins[name] for name in ("fastapi", "asyncpg", "uvicorn")}
    uvicorn = [folder / "venv/bin/python", "-m", "uvicorn", "app:app", "--app-dir", PEERS / "fastapi"]
    uvicorn += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return lambda port, workers: (
        [*uvicorn, "--host", "127.0.0.1", "--port", port, "--workers", workers],
        {"PYTHONDONTWRITEBYTECODE": "1"},
    ), versions


def express(target: Path, log: Path):
    """Returns the command that starts Express on a port, and its versions."""
    for program, package in (("node", "nodejs"), ("npm", "npm")):
        if not shutil.which(program):
            raise Failed(f"there is no {program}: apt-get install {package}")
    here = PEERS / "express"
    folder = target / "peers" / "express"
    sources = [here / name for name in ("package.json", "package-lock.json", "server.js")]

    def install():
        for source in sources:
            shutil.copy(source, folder)
        run("npm", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], log, cwd=folder)

    install_into(folder, sources, install)
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    versions = {"node": node.removeprefix("v")} | json.loads((here / "package.json").read_text())["dependencies"]
    return lambda port, workers: (
        ["node", folder / "server.js"],
        {"PORT": str(port), "WORKERS": str(workers), "NODE_ENV": "production"},
    ), versions


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def measure(name: str, start, cluster: Cluster, options) -> dict:
    """Starts an endpoint on a database of its own, lets all connections race for one balance, measures spread and
    hot, and reads the books."""
    database = cluster.database(name)
    port = free_port()
    command, env = start(port, options.workers)
    env = cluster.env(database) | env | {"POOL": str(options.pool)}
    log = cluster.place / f"{name}.log"
    measured = {}
    with ExitStack() as stack:
        server = stack.enter_context(Program(name, command, log, env=env, cwd="/"))
        sockets = load.connect(port, options.connections, options.workers, server.is_up)
        for sock in sockets:
            stack.callback(sock.close)
        accepted = load.race(sockets, cluster.workspaces + 1)
        if accepted != RACE_HOLDS:
            raise Failed(f"{name}: a balance that pays for {RACE_HOLDS} holds paid for {accepted}")
        load.same_key(sockets)
        for case, workspaces in (("spread", cluster.workspaces), ("hot", 1)):
            script = lambda mine, window: load.pairs(workspaces, mine, len(sockets), case, window)
            measured[case] = load.measure(sockets, script, options.seconds)
    pairs = sum(rate["pairs"] for rate in measured.values())
    return measured | {"books": cluster.check(database, pairs)}


def echo(place: Path, options) -> dict:
    """Measures the client against an endpoint that does nothing."""
    program = [sys.executable, Path(load.__file__).with_name("echo.py")]
    with Program("echo", program, place / "echo.log", stdout=subprocess.PIPE) as server:
        port = int(server.process.stdout.readline())
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(options.connections)]
        for sock in sockets:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return load.measure(sockets, lambda _, window: load.echoes(window), min(options.seconds, 3))
        finally:
            for sock in sockets:
                sock.close()
