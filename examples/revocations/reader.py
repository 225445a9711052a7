#!/usr/bin/env python3
"""Follows Exeunt's feed of what was taken back (docs/revocation.md), with Python's standard library alone.

    reader.py https://id.example.org https://api.example/ < tokens

The service's secret is read from the environment variable EXEUNT_SERVICE_SECRET. For each line of the input, an access
token, it prints "good", "taken back", or "unknown" when it can't vouch for freshness.

It does not verify tokens: do that first, with a library for JOSE. Here only the payload is read.
"""

import base64
import hashlib
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

WAIT = 30  # seconds that one request waits for something to come
FRESH = 60  # seconds for which what was heard last is good enough


class Stale(Exception):
    """Nothing is known for too long, or something came that can't be judged."""


class DenyList:
    """What was taken back, for as long as it matters."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        """Knows nothing, and vouches for nothing, until a snapshot is taken."""
        self.number = None
        self.heard_at = None
        self.named = {}  # (kind, identifier) -> until
        self.before = {}  # (kind, identifier) -> {before: until}

    def take(self, piece):
        """Takes a piece of the log in. False: there is a kind of entry in it that we don't know."""
        with self.lock:
            if self.number is not None and piece["from"] > self.number:
                return False  # a gap
            for entry in piece["entries"]:
                if not self.take_entry(entry):
                    return False
            self.number = piece["to"]
            self.heard_at = time.monotonic()
            return True

    def take_entry(self, entry):
        kind, until = entry["kind"], entry["until"]
        names = {"token": "jti", "session": "sid", "grant": "grant", "key": "kid"}
        if kind == "token" and "jti" not in entry:
            self.named["hash", entry["hash"]] = until
        elif kind in names:
            self.named[kind, entry[names[kind]]] = until
        elif kind in ("subject", "client", "all"):
            whose = {"subject": entry.get("sub"), "client": entry.get("client_id"), "all": None}
            self.before.setdefault((kind, whose[kind]), {})[entry["before"]] = until
        else:
            return False
        return True

    def forget(self, now):
        """What every token has outlived that it concerned need not be kept."""
        with self.lock:
            self.named = {name: until for name, until in self.named.items() if until > now}
            for name, moments in list(self.before.items()):
                living = {before: until for before, until in moments.items() if until > now}
                if living:
                    self.before[name] = living
                else:
                    del self.before[name]

    def is_taken_back(self, token, header, claims):
        """Whether a verified token is on the list."""
        with self.lock:
            if self.heard_at is None or time.monotonic() - self.heard_at > FRESH:
                raise Stale
            named = (
                ("token", claims.get("jti")),
                ("session", claims.get("sid")),
                ("grant", claims.get("grant")),
                ("key", header.get("kid")),
                ("hash", None if "jti" in claims else token_hash(token)),
            )
            if any(name in self.named for name in named):
                return True
            issued_at = claims["iat"]
            before = (
                ("subject", claims.get("sub")),
                ("client", claims.get("client_id")),
                ("all", None),
            )
            return any(
                issued_at < moment for name in before for moment in self.before.get(name, ())
            )


class Feed:
    """The provider's side."""

    def __init__(self, issuer, service, secret):
        self.address = f"{issuer}/revocations"
        # RFC 6749 section 2.3.1: both halves are form-encoded first.
        pair = f"{urllib.parse.quote_plus(service)}:{urllib.parse.quote_plus(secret)}"
        self.authorization = "Basic " + base64.b64encode(pair.encode()).decode()

    def get(self, path, timeout):
        request = urllib.request.Request(self.address + path)
        request.add_header("Authorization", self.authorization)
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)

    def follow(self, deny_list):
        """Keeps the list fresh, for ever."""
        pause = 1
        while True:
            try:
                if deny_list.number is None:
                    piece = self.get("/snapshot", 60)
                else:
                    piece = self.get(f"?after={deny_list.number}&wait={WAIT}", WAIT + 10)
                if not deny_list.take(piece):
                    with deny_list.lock:
                        deny_list.clear()
                    time.sleep(1)
                deny_list.forget(piece["now"])
                pause = 1
            except urllib.error.HTTPError as error:
                if error.code == 410:  # it can't be continued from where we were
                    with deny_list.lock:
                        deny_list.clear()
                    continue
                time.sleep(pause)
                pause = min(pause * 2, 30)
            except (OSError, ValueError):
                time.sleep(pause)
                pause = min(pause * 2, 30)


def token_hash(token):
    """By what a token goes that carries no jti: the SHA-256 of its text, base64url."""
    digest = hashlib.sha256(token.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def part(text):
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def main():
    issuer, service = sys.argv[1:3]
    deny_list = DenyList()
    feed = Feed(issuer.rstrip("/"), service, os.environ["EXEUNT_SERVICE_SECRET"])
    threading.Thread(target=feed.follow, args=(deny_list,), daemon=True).start()
    for line in sys.stdin:
        token = line.strip()
        header, claims = (part(text) for text in token.split(".")[:2])
        try:
            answer = "taken back" if deny_list.is_taken_back(token, header, claims) else "good"
        except Stale:
            answer = "unknown"
        print(answer, flush=True)


if __name__ == "__main__":
    main()
