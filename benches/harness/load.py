"""The load on an HTTP endpoint: keep-alive connections in one thread, HTTP/1.1 by hand, one system call to send a
request and one to read its answer, so that little of what is measured is the measuring."""

import itertools
import json
import select
import socket
import time
from collections import Counter

from .cluster import KEY, PAIR_COST, RACE_COST, rate
from .processes import Failed

# How long an answer may take, in seconds. # assumed
ANSWERS_WITHIN = 30


def request(method: str, path: str, headers: dict, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(received: bytearray):
    """Returns the status and the body once the answer is whole."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return None
    place = received.lower().find(b"\r\ncontent-length:", 0, head)
    if place < 0:
        raise Failed(f"an answer without a length: {bytes(received[:head])!r}")
    length = int(received[place + 17 : received.find(b"\r\n", place + 2)])
    if len(received) < head + 4 + length:
        return None
    return int(received[9:12]), bytes(received[head + 4 : head + 4 + length])


def ask(sock: socket.socket, sent: bytes):
    """Sends one request alone, and returns its answer."""
    sock.sendall(sent)
    received = bytearray()
    while True:
        more = sock.recv(65_536)
        if not more:
            raise ConnectionError("closed before it answered")
        received += more
        whole = answer(received)
        if whole:
            return whole


def connect(port: int, connections: int, workers: int, ready) -> list:
    """Opens connections, evenly over the worker processes: which one accepts is chance, so one too many is closed."""
    kept, per_worker = [], Counter()
    most = -(-connections // workers)
    end = time.monotonic() + 60
    while len(kept) < connections:
        ready()
        if time.monotonic() > end:
            raise Failed(f"the connections do not spread over {workers} workers: {dict(per_worker)}")
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=ANSWERS_WITHIN)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            status, body = ask(sock, request("GET", "/healthz", {}))
        except OSError:
            time.sleep(0.05)
            continue
        worker = json.loads(body)["worker"] if status == 200 else None
        if worker is None or per_worker[worker] >= most:
            sock.close()
        else:
            per_worker[worker] += 1
            kept.append(sock)
    return kept


def drive(sockets: list, scripts: list) -> None:
    """Lets each connection follow its script, which is handed answers and hands over requests, until all end."""
    poll = select.epoll()
    live = {}
    try:
        for sock, script in zip(sockets, scripts, strict=True):
            sock.settimeout(ANSWERS_WITHIN)
            live[sock.fileno()] = (sock, script, bytearray())
            poll.register(sock.fileno(), select.EPOLLIN)
            sock.sendall(next(script))
        while live:
            ready = poll.poll(ANSWERS_WITHIN)
            if not ready:
                raise Failed(f"no answer on {len(live)} connections within {ANSWERS_WITHIN} s")
            for number, _ in ready:
                sock, script, received = live[number]
                more = sock.recv(65_536)
                if not more:
                    raise Failed("a connection was closed")
                received += more
                whole = answer(received)
                if whole is None:
                    continue
                received.clear()
                try:
                    sock.sendall(script.send(whole))
                except StopIteration:
                    poll.unregister(number)
                    del live[number]
    finally:
        poll.close()


def expect(whole, status: int, what: str) -> dict:
    if whole[0] != status:
        raise Failed(f"{what} was answered with {whole[0]}: {whole[1][:300].decode(errors='replace')}")
    return json.loads(whole[1])


def hold_request(workspace: int, credits: int, key: str) -> bytes:
    body = b'{"credits":%d,"reference":"benchmark"}' % credits
    return request("POST", "/holds", {"Scrip-Workspace": f"ws_{workspace}", "Idempotency-Key": key}, body)


def pairs(workspaces: int, mine: int, of: int, keys: str, window: dict):
    """Holds and captures on each workspace in turn, until the window is over."""
    for n in itertools.count():
        workspace = 1 + (mine + n * of) % workspaces
        started = time.perf_counter()
        held = expect((yield hold_request(workspace, PAIR_COST, f"h{keys}-{mine}-{n}")), 201, "a hold")
        path, key = f"/holds/{held['id']}/capture", {"Idempotency-Key": f"c{keys}-{mine}-{n}"}
        ended = expect((yield request("POST", path, key, b"{}")), 200, "a capture")
        if (ended["status"], ended["captured"]) != ("captured", PAIR_COST):
            raise Failed(f"a capture was answered with {ended}")
        now = time.perf_counter()
        if now >= window["end"]:
            return
        if now >= window["begin"]:
            window["micros"].append(int((now - started) * 1_000_000))


def echoes(window: dict):
    """Pairs of requests of the same size to what answers at once."""
    for n in itertools.count():
        started = time.perf_counter()
        for part in ("hold", "capture"):
            whole = yield hold_request(10_000, PAIR_COST, f"{part}-{n}")
            if whole[0] != 200:
                raise Failed(f"the echo answered {whole[0]}")
        now = time.perf_counter()
        if now >= window["end"]:
            return
        if now >= window["begin"]:
            window["micros"].append(int((now - started) * 1_000_000))


def measure(sockets: list, script, seconds: float) -> dict:
    """A fifth of the time to warm up, then the time that counts. `script` is given a connection's number and the
    window. Also says how much of one processor the client took."""
    begin = time.perf_counter() + seconds / 5
    window = {"begin": begin, "end": begin + seconds, "micros": []}
    started, busy = time.perf_counter(), time.process_time()
    drive(sockets, [script(mine, window) for mine in range(len(sockets))])
    share = (time.process_time() - busy) / (time.perf_counter() - started)
    return rate(window["micros"], len(sockets), seconds) | {"client_share_of_one_core": round(share, 3)}


def race(sockets: list, workspace: int) -> int:
    """Spends one balance from all connections until each is refused; returns the number of pairs."""
    accepted = []

    def spend(mine: int):
        for n in itertools.count():
            whole = yield hold_request(workspace, RACE_COST, f"r-{mine}-{n}")
            if whole[0] == 402:
                return
            held = expect(whole, 201, "a hold of the race")
            path, key = f"/holds/{held['id']}/capture", {"Idempotency-Key": f"rc-{mine}-{n}"}
            expect((yield request("POST", path, key, b"{}")), 200, "a capture of the race")
            accepted.append(held["id"])

    drive(sockets, [spend(mine) for mine in range(len(sockets))])
    return len(accepted)


def same_key(sockets: list) -> None:
    """One request from all connections at once: one hold, and one answer for everyone."""
    answers = []

    def one():
        answers.append(expect((yield hold_request(1, PAIR_COST, "same")), 201, "a hold that was asked for again"))

    drive(sockets, [one() for _ in sockets])
    ids = {held["id"] for held in answers}
    if len(ids) != 1:
        raise Failed(f"the same key was answered with {len(ids)} holds")
