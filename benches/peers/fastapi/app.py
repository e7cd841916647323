"""Holds and captures over FastAPI and asyncpg, as they are written by hand: one transaction a request, opened by the
application, which locks the grants, reads them, and writes row by row what follows."""

import hashlib
import json
import os
import time
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, Field

# For how long a key that was found is not looked up again, in seconds. # assumed
KEY_IS_KNOWN_FOR = 10


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(
        host=os.environ["PGHOST"],
        user=os.environ["PGUSER"],
        database=os.environ["PGDATABASE"],
        min_size=int(os.environ["POOL"]),
        max_size=int(os.environ["POOL"]),
        init=use_json,
    ) as pool:
        app.state.pool = pool
        app.state.keys = {}
        yield


async def use_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


app = FastAPI(lifespan=lifespan)


class NewHold(BaseModel):
    credits: int = Field(gt=0, le=1_000_000_000)
    reference: str = Field(max_length=255)


class Hold(BaseModel):
    id: str
    reference: str
    status: str
    unit: str = "credits"
    credits: int
    captured: int
    released: int = 0
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


def to_hold(row: asyncpg.Record) -> Hold:
    return Hold(
        id=f"hd_{row['id']}",
        reference=row["reference"],
        status=row["status"],
        credits=row["credits"],
        captured=row["captured"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
    )


async def authenticate(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise HTTPException(401, "UNAUTHENTICATED")
    sha256 = hashlib.sha256(key.encode()).digest()
    keys = request.app.state.keys
    if keys.get(sha256, 0) > time.monotonic():
        return
    if not await request.app.state.pool.fetchval("SELECT true FROM api_keys WHERE sha256 = $1", sha256):
        raise HTTPException(401, "UNAUTHENTICATED")
    keys[sha256] = time.monotonic() + KEY_IS_KNOWN_FOR


def parse_id(prefix: str, text: str) -> int:
    number = text.removeprefix(prefix)
    if number == text or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise HTTPException(404, "NOT_FOUND")
    return int(number)


IdempotencyKey = Annotated[str, Header(min_length=1, max_length=255)]


@app.post("/holds", status_code=201, dependencies=[Depends(authenticate)])
async def open_hold(
    body: NewHold, request: Request, idempotency_key: IdempotencyKey, scrip_workspace: Annotated[str, Header()]
) -> Hold:
    workspace = parse_id("ws_", scrip_workspace)
    asked = f"hold {body.credits} {body.reference}"
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        grants = await connection.fetch(
            "SELECT id, available FROM grants WHERE workspace_id = $1 AND expires_at > now() AND available > 0 "
            "ORDER BY rank, expires_at, id FOR UPDATE",
            workspace,
        )
        answer = await find_answer(connection, workspace, idempotency_key, asked)
        if answer:
            return answer
        missing, parts = body.credits, []
        for grant in grants:
            if missing == 0:
                break
            taken = min(missing, grant["available"])
            parts.append((grant["id"], taken))
            missing -= taken
        if missing:
            raise HTTPException(402, "INSUFFICIENT_CREDITS")
        hold = await connection.fetchrow(
            "INSERT INTO holds (workspace_id, reference, credits) VALUES ($1, $2, $3) RETURNING *",
            workspace,
            body.reference,
            body.credits,
        )
        await connection.executemany(
            "UPDATE grants SET available = available - $2, held = held + $2 WHERE id = $1", parts
        )
        await connection.executemany(
            "INSERT INTO hold_parts (hold_id, part, grant_id, credits) VALUES ($1, $2, $3, $4)",
            [(hold["id"], part, grant, taken) for part, (grant, taken) in enumerate(parts, 1)],
        )
        await connection.executemany(
            "INSERT INTO entries (workspace_id, grant_id, hold_id, kind, credits) VALUES ($1, $2, $3, 'hold', $4)",
            [(workspace, grant, hold["id"], taken) for grant, taken in parts],
        )
        return await store_answer(connection, workspace, idempotency_key, asked, to_hold(hold))


@app.post("/holds/{id}/capture", dependencies=[Depends(authenticate)])
async def capture_hold(id: str, request: Request, idempotency_key: IdempotencyKey) -> Hold:
    number = parse_id("hd_", id)
    asked = f"capture {number}"
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        hold = await connection.fetchrow("SELECT * FROM holds WHERE id = $1 FOR UPDATE", number)
        if hold is None:
            raise HTTPException(404, "NOT_FOUND")
        workspace = hold["workspace_id"]
        answer = await find_answer(connection, workspace, idempotency_key, asked)
        if answer:
            return answer
        if hold["status"] == "open":
            parts = await connection.fetch(
                "SELECT grant_id, credits FROM hold_parts WHERE hold_id = $1 ORDER BY part", number
            )
            # In the order in which they were drawn: that is the order in which everyone locks grants.
            await connection.executemany(
                "UPDATE grants SET held = held - $2, captured = captured + $2 WHERE id = $1",
                [(part["grant_id"], part["credits"]) for part in parts],
            )
            await connection.executemany(
                "INSERT INTO entries (workspace_id, grant_id, hold_id, kind, credits) "
                "VALUES ($1, $2, $3, 'capture', $4)",
                [(workspace, part["grant_id"], number, part["credits"]) for part in parts],
            )
            hold = await connection.fetchrow(
                "UPDATE holds SET status = 'captured', captured = credits, ended_at = now() WHERE id = $1 RETURNING *",
                number,
            )
        return await store_answer(connection, workspace, idempotency_key, asked, to_hold(hold))


async def find_answer(connection: asyncpg.Connection, workspace: int, key: str, asked: str) -> Hold | None:
    """Returns the answer stored under a key. Read after the locks, so that an earlier use of the key has committed."""
    row = await connection.fetchrow(
        "SELECT request, answer FROM idempotency_keys WHERE workspace_id = $1 AND key = $2", workspace, key
    )
    if row is None:
        return None
    if row["request"] != asked:
        raise HTTPException(422, "IDEMPOTENCY_KEY_REUSED")
    return Hold(**row["answer"])


async def store_answer(connection: asyncpg.Connection, workspace: int, key: str, asked: str, answer: Hold) -> Hold:
    await connection.execute(
        "INSERT INTO idempotency_keys (workspace_id, key, request, answer) VALUES ($1, $2, $3, $4)",
        workspace,
        key,
        asked,
        answer.model_dump(mode="json"),
    )
    return answer


@app.get("/healthz")
async def healthz() -> dict:
    """Which of the processes behind the address this is."""
    return {"worker": os.getpid()}
