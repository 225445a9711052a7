"""The status of a token by its status list: status_list.py ISSUER TOKEN. Prints VALID or INVALID.

Reads both with jwcrypto and zlib, by draft-ietf-oauth-status-list, section 8.3.
"""

import json
import sys
import urllib.request
import zlib

from jwcrypto.common import base64url_decode
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS


def get(url, accept):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def verified(token, keys, typ):
    jws = JWS()
    jws.deserialize(token)
    assert jws.jose_header["typ"] == typ, jws.jose_header
    assert jws.jose_header["alg"] == "RS256", jws.jose_header
    jws.verify(keys.get_key(jws.jose_header["kid"]))
    return json.loads(jws.payload)


def main():
    issuer, token = sys.argv[1:]
    keys = JWKSet.from_json(get(f"{issuer}/jwks", "application/json")[1])
    place = verified(token, keys, "at+jwt")["status"]["status_list"]
    kind, text = get(place["uri"], "application/statuslist+jwt")
    assert kind == "application/statuslist+jwt", kind
    claims = verified(text, keys, "statuslist+jwt")
    assert claims["sub"] == place["uri"]
    assert claims["iat"] < claims["exp"] and claims["ttl"] > 0
    status_list = claims["status_list"]
    assert status_list["bits"] == 1
    statuses = zlib.decompress(base64url_decode(status_list["lst"]))
    status = statuses[place["idx"] // 8] >> (place["idx"] % 8) & 1
    print(["VALID", "INVALID"][status])


if __name__ == "__main__":
    main()
