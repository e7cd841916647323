"""Values that the judge of 20-schemathesis.sh cannot take from the document: names in the catalog, and fresh keys.

Only good requests are helped along, and only every other one: the rest stays as it was made up, and so do the bad ones.
"""

import itertools
import threading

import schemathesis
from schemathesis import GenerationMode

COUNT = itertools.count()
LOCK = threading.Lock()
NAMES = {
    "model": ["image-standard", "video-standard", "upscale", "image-pro", "seedance-2.0-text-to-video"],
    "plan": ["free", "creator", "pro", "business"],
    "pack": ["credits-1000"],
    "interval": ["month", "year"],
}


@schemathesis.hook
def before_call(context, case, kwargs):
    with LOCK:
        number = next(COUNT)
    # What is switched off for everybody would be off for the rest of the requests.
    if isinstance(case.body, dict) and case.body.get("off") is True:
        case.body["off"] = False
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or number % 2:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"judged-{number}"
    body = case.body
    if not isinstance(body, dict):
        return
    for member, names in NAMES.items():
        if isinstance(body.get(member), str):
            body[member] = names[number // 2 % len(names)]
    if "model" in body and number % 4:
        body["params"] = {}
    if "model" in body and "reference" in body:
        body.pop("credits", None)
    body.pop("quote", None)
    for member in ("test_clock", "expires_at", "now"):
        body.pop(member, None)
    if "owner" in body:
        body["owner"] = {"email": f"judged-{number}@example.com"}
    if isinstance(body.get("email"), str):
        body["email"] = f"judged-{number}@example.com"
        body.pop("workspace", None)
    if "frozen" in body:
        body["frozen"] = number % 8 == 0
        body["reason"] = "judged"
    if "approve" in body:
        body["approve"] = [{"review": "business_verification", "reason": "judged"}]
