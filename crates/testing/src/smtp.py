"""A mail server that is not ours, for tests: it prints what it is sent, a line of JSON a mail.

    smtp.py PORT [--tls CERT KEY | --starttls CERT KEY] [--user NAME PASSWORD] [--refuse MANY] [--hang [ADDRESS]]

It prints `listening PORT` first, and ends when its standard input does: nobody leaves it behind. Mails are read by
Python's own parser, which complains of whatever is not as the standards have it.
"""

import argparse
import asyncio
import errno
import json
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult

# Seconds until a port is tried again that somebody else has at the moment.
AGAIN = 0.05


def told(parsed):
    """What a mail says, part by part."""
    defects = [repr(defect) for part in parsed.walk() for defect in part.defects]
    bodies = {
        part.get_content_type(): part.get_content()
        for part in parsed.walk()
        if not part.is_multipart() and part.get_content_maintype() == "text"
    }
    return {
        "headers": [[name, str(value)] for name, value in parsed.items()],
        "text": bodies.get("text/plain"),
        "html": bodies.get("text/html"),
        "types": [part.get_content_type() for part in parsed.walk()],
        "defects": defects,
    }


class Sink:
    """Takes every mail, after refusing as many as it was told to."""

    def __init__(self, refuse, hang):
        self.refuse = refuse
        self.hang = hang

    async def handle_DATA(self, server, session, envelope):
        if self.hang in ("everybody", *envelope.rcpt_tos):
            print("hanging", flush=True)
            await asyncio.Event().wait()
        if self.refuse > 0:
            self.refuse -= 1
            print("refused", flush=True)
            text = told(message_from_bytes(envelope.content, policy=policy.default))["text"]
            return "451 4.7.1 not now: " + " ".join(word for word in text.split() if word.startswith("http"))
        mail = told(message_from_bytes(envelope.content, policy=policy.default))
        mail["from"] = envelope.mail_from
        mail["to"] = envelope.rcpt_tos
        mail["greeted"] = session.host_name
        mail["encrypted"] = server.transport.get_extra_info("ssl_object") is not None
        mail["user"] = session.auth_data
        mail["raw"] = envelope.content.decode("utf-8", "replace")
        print(json.dumps(mail), flush=True)
        return "250 OK"


def context(files):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    return made


def server(told_what, sink):
    """What serves one connection."""
    settings = {"hostname": "sink.test"}
    if told_what.starttls:
        settings.update(tls_context=context(told_what.starttls), require_starttls=True)
    if told_what.user:

        def knows(server, session, envelope, mechanism, data):
            good = [data.login.decode(), data.password.decode()] == told_what.user
            return AuthResult(success=good, auth_data=data.login.decode() if good else None, handled=False)

        # An encrypted connection is not always told as such where it was encrypted from its beginning.
        settings.update(authenticator=knows, auth_required=True, auth_require_tls=bool(told_what.starttls))
    return SMTP(sink, **settings)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--starttls", nargs=2)
    parser.add_argument("--user", nargs=2)
    parser.add_argument("--refuse", type=int, default=0)
    parser.add_argument("--hang", nargs="?", const="everybody")
    what = parser.parse_args()
    loop = asyncio.get_running_loop()
    sink = Sink(what.refuse, what.hang)
    while True:
        try:
            encrypted = context(what.tls) if what.tls else None
            listening = await loop.create_server(lambda: server(what, sink), "127.0.0.1", what.port, ssl=encrypted)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            await asyncio.sleep(AGAIN)
    print("listening", listening.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    # Connections that are still open when the tests have gone are nobody's affair.
    try:
        asyncio.run(main())
    finally:
        sys.stdout.flush()
