#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A token service for tests (distribution's token authentication).

  token_service.py CERT KEY USER PASSWORD     prints its port, then serves on 127.0.0.1

Gives whoever asks with the password all that is asked for, everybody else "pull" of
what begins with "public/".
"""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

CERT, KEY, USER, PASSWORD = sys.argv[1:5]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(service, user, access):
    with open(CERT) as file:
        der = "".join(line.strip() for line in file if not line.startswith("-----"))
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    claims = {"iss": "test-issuer", "sub": user, "aud": service, "iat": now, "nbf": now - 60, "exp": now + 600}
    claims.update({"jti": str(time.time_ns()), "access": access})
    text = encode(json.dumps(head).encode()) + "." + encode(json.dumps(claims).encode())
    sign = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", KEY], input=text.encode(), stdout=subprocess.PIPE, check=True
    )
    return text + "." + encode(sign.stdout)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        given = self.headers.get("Authorization", "")
        right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if given not in ("", right):
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]})
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":", 2)
            allowed = actions.split(",") if given else [a for a in ["pull"] if name.startswith("public/")]
            access.append({"type": kind, "name": name, "actions": allowed})
        self.answer(200, {"token": token(query["service"][0], USER if given else "", access)})


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
