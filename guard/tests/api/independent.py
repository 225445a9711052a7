"""Reads and makes tokens with other implementations: jwcrypto for JOSE, cwt for COSE.

Takes {"do": "read" | "make", "keys": {...}, "tokens": {...} | "claims": {...}} as JSON, and answers with JSON: what each
token says, or a token of each kind. The claims of a compact token are a list of pairs, since JSON knows no numbers as
names and no bytes; {"bytes": "..."} stands for these.
"""

import json
import sys

from cwt import COSE, COSEHeaders, COSEKey
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import base64url_decode, base64url_encode


def shared(keys):
    """The two keys of A128CBC-HS256 as the one that JOSE knows."""
    both = base64url_decode(keys["mac"]) + base64url_decode(keys["cipher"])
    return jwk.JWK(kty="oct", k=base64url_encode(both))


def compact(keys):
    mac = COSEKey.from_symmetric_key(base64url_decode(keys["mac"]), alg="HMAC 256/64")
    cipher = COSEKey.from_symmetric_key(
        base64url_decode(keys["cipher"]), alg="A128GCM", kid=bytes([keys["kid"]])
    )
    return mac, cipher


def read_signed(token, key):
    signed = jws.JWS()
    signed.allowed_algs = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
    signed.deserialize(token, jwk.JWK(**key))
    return signed.jose_header, signed.payload.decode()


def read_encrypted(token, key):
    encrypted = jwe.JWE()
    encrypted.allowed_algs = [
        "dir", "ECDH-ES", "RSA-OAEP-256", "A128CBC-HS256", "A128GCM", "A256GCM",
    ]
    encrypted.deserialize(token, key)
    return encrypted.jose_header, encrypted.payload.decode()


def read(kind, token, keys):
    if kind == "direct":
        header, payload = read_encrypted(token, shared(keys[kind]))
        return {"header": header, "claims": json.loads(payload)}
    if kind == "cwt":
        mac, cipher = compact(keys[kind])
        # The library wants the structures tagged (RFC 9052 section 2).
        outer = b"\xd0" + base64url_decode(token)
        inner = COSE.new().decode(outer, cipher)
        payload = COSE.new().decode(b"\xd1" + inner, mac)
        return {"payload": base64url_encode(payload)}
    if kind.startswith("signed"):
        header, payload = read_signed(token, keys[kind])
        return {"header": header, "claims": json.loads(payload)}
    outer, nested = read_encrypted(token, jwk.JWK(**keys[kind]))
    header, payload = read_signed(nested, keys["signed ES256"])
    return {"outer": outer, "header": header, "claims": json.loads(payload)}


def make_signed(claims, key):
    signed = jws.JWS(json.dumps(claims).encode())
    header = {"alg": key["alg"], "kid": key["kid"], "typ": "at+jwt"}
    signed.add_signature(jwk.JWK(**key), None, json.dumps(header))
    return signed.serialize(compact=True)


def make_encrypted(content, header, key):
    encrypted = jwe.JWE(content.encode(), json.dumps(header))
    encrypted.add_recipient(key)
    return encrypted.serialize(compact=True)


def make(kind, claims, keys):
    if kind == "direct":
        header = {"alg": "dir", "enc": "A128CBC-HS256", "kid": keys[kind]["kid"], "typ": "at+jwt"}
        return make_encrypted(json.dumps(claims), header, shared(keys[kind]))
    if kind == "cwt":
        mac, cipher = compact(keys[kind])
        payload = base64url_decode(keys[kind]["payload"])
        inner = COSE.new().encode(payload, mac, {COSEHeaders.ALG: 4}, {})
        nonce = base64url_decode(keys[kind]["nonce"])
        protected = {COSEHeaders.ALG: 1, COSEHeaders.KID: cipher.kid}
        outer = COSE.new().encode(inner[1:], cipher, protected, {COSEHeaders.IV: nonce})
        return base64url_encode(outer[1:])
    if kind.startswith("signed"):
        return make_signed(claims, keys[kind])
    header = {"alg": keys[kind]["alg"], "enc": kind.split()[-1], "kid": keys[kind]["kid"], "cty": "JWT"}
    private = ["d", "p", "q", "dp", "dq", "qi"]
    public = {name: value for name, value in keys[kind].items() if name not in private}
    return make_encrypted(make_signed(claims, keys["signed ES256"]), header, jwk.JWK(**public))


asked = json.load(sys.stdin)
if asked["do"] == "read":
    answer = {kind: read(kind, token, asked["keys"]) for kind, token in asked["tokens"].items()}
else:
    answer = {kind: make(kind, asked["claims"], asked["keys"]) for kind in asked["keys"]}
json.dump(answer, sys.stdout)
