"""A small OpenID Connect provider on this machine: it logs in whoever it is told to, without asking."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "leishu", "a-secret-of-the-test"


class Provider(ThreadingHTTPServer):
    """The provider; ``person`` is who is logged in next."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        super().__init__(("127.0.0.1", 0), Answer)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.person = {"sub": "1", "name": "林老师", "email": "lin@example.org"}
        self.codes: dict[str, dict[str, str]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        return {"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256", "n": _b64(numbers.n.to_bytes(256, "big")), "e": _b64(b"\x01\x00\x01")}

    def token(self, nonce: str) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce, **self.person}
        head = ".".join(_b64(json.dumps(x).encode()) for x in ({"alg": "RS256", "kid": "k", "typ": "JWT"}, claims))
        return f"{head}.{_b64(self.key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Answer(BaseHTTPRequestHandler):
    """Metadata, keys, the login that asks nothing, the token."""

    server: Provider

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def reply(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        at, base = urlsplit(self.path), self.server.url
        if at.path == "/.well-known/openid-configuration":
            self.reply({"issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token", "jwks_uri": f"{base}/keys",
                        "response_types_supported": ["code"], "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"]})  # fmt: skip
        elif at.path == "/keys":
            self.reply({"keys": [self.server.jwk()]})
        elif at.path == "/authorize":
            asked = {k: v[0] for k, v in parse_qs(at.query).items()}
            code = secrets.token_hex(8)
            self.server.codes[code] = asked
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        given = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        asked = self.server.codes.pop(given.get("code", ""), None)
        if asked is None or asked["client_id"] != CLIENT:
            self.send_error(400)
            return
        self.reply({"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": self.server.token(asked.get("nonce", ""))})
