#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A registry for tests, that misbehaves as it is told.

  fake_registry.py make DIR REPOSITORY TAG [key=value ...]   adds an image to DIR
      layers=1  size=100000 (bytes of a layer's file)  kind=gzip|tar|zstd  os=linux
      arch=amd64  seed=  format=oci|docker  damage=1 (digests are right, the compression is not)
  fake_registry.py index DIR REPOSITORY TAG MEMBER ...       an index of images of DIR
      MEMBER is TAG or TAG=os/arch[/variant]
  fake_registry.py serve DIR [CERT KEY]                      prints its ports, then serves
      on 127.0.0.1 and, as another host, on 127.0.0.2

DIR/faults.json, read at each request: [{"path": part of the path, "do": ..., "times": N}]
  status (status, headers)   cut (after: bytes of the body, then the connection ends)
  corrupt                    longer                shorter             redirect (to)
  norange                    nodigest              body (text)         hold (until DIR/go is there)
  reset (no answer at all)   type (type)
Blobs and manifests can be uploaded, in one piece or several, and blobs mounted; what a repository
was not given it does not have.
DIR/auth.json: {"kind": "basic"|"bearer", "user", "password", "realm"?, "anonymous"?}
DIR/log: one JSON object a request; "running": blobs that are being sent, with this one.
"""
import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
import uuid

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker."


def add_blob(top, data):
    digest = hashlib.sha256(data).hexdigest()
    os.makedirs(top + "/blobs", exist_ok=True)
    with open(top + "/blobs/" + digest, "wb") as out:
        out.write(data)
    return "sha256:" + digest


def load(path, otherwise):
    try:
        with open(path) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return otherwise


def name_manifest(top, repository, names, entry):
    plan = load(top + "/plan.json", {})
    for name in names:
        plan.setdefault(repository, {})[name] = entry
    with open(top + "/plan.json", "w") as out:
        json.dump(plan, out)


def layer(number, size, seed):
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.PAX_FORMAT) as tar:
        source = random.Random(f"{seed}/{number}")
        for name, data in (
            ("number", str(number).encode()),
            (f"layer{number}", source.randbytes(size)),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1_700_000_000
            tar.addfile(info, io.BytesIO(data))
    return text.getvalue()


def make(top, repository, tag, settings):
    get = settings.get
    kind, docker = get("kind", "gzip"), get("format") == "docker"
    manifest_type = DOCKER + "distribution.manifest.v2+json" if docker else MANIFEST
    layers, diff_ids = [], []
    for number in range(int(get("layers", "1"))):
        plain = layer(number, int(get("size", "100000")), get("seed", tag))
        diff_ids.append("sha256:" + hashlib.sha256(plain).hexdigest())
        media = "application/vnd.oci.image.layer.v1.tar"
        packed = plain
        if kind == "gzip":
            packed, media = gzip.compress(plain, 1, mtime=0), media + "+gzip"
        if kind == "zstd":
            packed = subprocess.run(["zstd", "-q", "-c"], input=plain, stdout=subprocess.PIPE, check=True).stdout
            media += "+zstd"
        if get("damage"):
            packed = packed[: len(packed) // 2] + bytes(64) + packed[len(packed) // 2 + 64 :]
        if docker:
            media = DOCKER + "image.rootfs.diff.tar.gzip"
        layers.append({"mediaType": media, "digest": add_blob(top, packed), "size": len(packed)})
    config = json.dumps(
        {
            "architecture": get("arch", "amd64"),
            "os": get("os", "linux"),
            "config": {"Cmd": ["/hello"], "Env": ["TAG=" + tag]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": {
                "mediaType": DOCKER + "container.image.v1+json" if docker else "application/vnd.oci.image.config.v1+json",
                "digest": add_blob(top, config),
                "size": len(config),
            },
            "layers": layers,
        }
    ).encode()
    digest = add_blob(top, manifest)
    name_manifest(top, repository, [tag, digest], {"type": manifest_type, "digest": digest})
    print(digest)


def index(top, repository, tag, members):
    plan = load(top + "/plan.json", {})[repository]
    manifests, kind = [], INDEX
    for member in members:
        name, _, platform = member.partition("=")
        entry = plan[name]
        if entry["type"].startswith(DOCKER):
            kind = DOCKER + "distribution.manifest.list.v2+json"
        size = os.path.getsize(top + "/blobs/" + entry["digest"][7:])
        descriptor = {"mediaType": entry["type"], "digest": entry["digest"], "size": size}
        if platform:
            parts = platform.split("/")
            descriptor["platform"] = dict(zip(("os", "architecture", "variant"), parts))
        manifests.append(descriptor)
    text = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": manifests}).encode()
    digest = add_blob(top, text)
    name_manifest(top, repository, [tag, digest], {"type": kind, "digest": digest})
    print(digest)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    top = ""
    lock = threading.Lock()
    used = {}
    uploads = {}  # bytes that have come, by the upload's name
    given = set()  # (repository, digest) of blobs that were uploaded or mounted
    tokens = {}
    running = 0

    def log_message(self, *_):
        pass

    def handle(self):
        # Somebody tries TLS with a server that has none.
        plain = not isinstance(self.connection, ssl.SSLSocket)
        if plain and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            self.connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            return
        super().handle()

    def note(self):
        entry = {
            "host": self.connection.getsockname()[0],
            "method": self.command,
            "path": self.path,
            "authorization": self.headers.get("Authorization", ""),
            "range": self.headers.get("Range", ""),
            "content_range": self.headers.get("Content-Range", ""),
            "length": int(self.headers.get("Content-Length", "0")),
        }
        with self.lock, open(self.top + "/log", "a") as out:
            entry["running"] = Handler.running
            out.write(json.dumps(entry) + "\n")

    def fault(self, *kinds):
        for fault in load(self.top + "/faults.json", []):
            if fault["do"] not in kinds or fault["path"] not in self.path:
                continue
            if fault.get("method", self.command) != self.command:
                continue
            key = json.dumps(fault, sort_keys=True)
            with self.lock:
                done = self.used.get(key, 0)
                if done >= fault.get("times", 1 << 30):
                    continue
                self.used[key] = done + 1
            return fault
        return None

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, headers=()):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode(), headers)

    def scope_needed(self):
        parts = self.path.split("?")[0].split("/")
        if len(parts) < 5:
            return ""
        for word in ("manifests", "blobs", "tags"):
            if word in parts:
                repository = "/".join(parts[2 : parts.index(word)])
                return f"repository:{repository}:pull"
        return ""

    # True when the request may go on.
    def allowed(self):
        auth = load(self.top + "/auth.json", None)
        given = self.headers.get("Authorization", "")
        if self.connection.getsockname()[0] != "127.0.0.1":
            if self.path.startswith("/token") and not given:
                self.fail(401, "UNAUTHORIZED")
                return False
            return True
        if not auth:
            return True
        basic = "Basic " + base64.b64encode(f"{auth['user']}:{auth['password']}".encode()).decode()
        scheme = "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        here = "%s://127.0.0.1:%d" % (scheme, self.connection.getsockname()[1])
        if self.path.startswith("/token"):
            if given != basic and not (auth.get("anonymous") and not given):
                self.fail(401, "UNAUTHORIZED")
                return False
            token = hashlib.sha256((self.path + given).encode()).hexdigest()
            with self.lock:
                self.tokens["Bearer " + token] = self.path
            self.answer(200, json.dumps({"token": token}).encode())
            return False
        if auth["kind"] == "basic":
            if given == basic:
                return True
            self.fail(401, "UNAUTHORIZED", [("WWW-Authenticate", 'Basic realm="test"')])
            return False
        scope = self.scope_needed()
        with self.lock:
            known = self.tokens.get(given)
        if known is not None and scope.replace(":", "%3A").replace("/", "%2F") in known:
            return True
        challenge = 'Bearer realm="%s",service="test"' % auth.get("realm", here + "/token")
        if scope:
            challenge += ',scope="%s"' % scope
        self.fail(401, "UNAUTHORIZED", [("WWW-Authenticate", challenge)])
        return False

    def do_GET(self):
        blob = "/blobs/" in self.path
        with self.lock:
            Handler.running += blob
        try:
            self.respond()
        finally:
            with self.lock:
                Handler.running -= blob

    def respond(self):
        self.note()
        if not self.allowed():
            return
        if fault := self.fault("status"):
            return self.fail(fault["status"], "FAULT", list(fault.get("headers", {}).items()))
        if self.fault("reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return os.close(self.connection.detach())
        if fault := self.fault("redirect"):
            return self.answer(307, b"", [("Location", fault["to"] + self.path)])
        path = self.path.split("?")[0]
        if path in ("/v2/", "/v2"):
            return self.answer(200, b"{}")
        parts = path.split("/")
        if path.endswith("/tags/list"):
            repository = "/".join(parts[2:-2])
            tags = [t for t in load(self.top + "/plan.json", {}).get(repository, {}) if not t.startswith("sha256:")]
            # Two pages, to see that the second is asked for.
            if len(tags) > 1 and "last=" not in self.path:
                link = '<%s?last=%s&n=1>; rel="next"' % (path, tags[0])
                return self.answer(200, json.dumps({"name": repository, "tags": tags[:1]}).encode(), [("Link", link)])
            return self.answer(200, json.dumps({"name": repository, "tags": tags[1:] if "last=" in self.path else tags}).encode())
        repository, kind, name = "/".join(parts[2:-2]), parts[-2], parts[-1]
        if kind == "uploads":
            return self.answer(204, b"", self.upload_headers(repository[: -len("/blobs")], name))
        if kind == "blobs" and self.command == "HEAD" and not self.has_blob(repository, name):
            return self.fail(404, "BLOB_UNKNOWN")
        if kind == "manifests":
            entry = load(self.top + "/plan.json", {}).get(repository, {}).get(name)
            if entry is None:
                return self.fail(404, "MANIFEST_UNKNOWN")
            return self.send_manifest(entry)
        return self.send_blob(name)

    do_HEAD = do_GET

    def has_blob(self, repository, digest):
        made = load(self.top + "/plan.json", {})
        return (repository, digest) in self.given or (
            repository in made and os.path.exists(self.top + "/blobs/" + digest[7:])
        )

    def upload_headers(self, repository, name):
        last = max(os.path.getsize(self.top + "/upload-" + name) - 1, 0)
        return [("Location", f"/v2/{repository}/blobs/uploads/{name}"), ("Range", f"0-{last}")]

    # The request's body, behind what has come of the upload before. False when it is cut.
    def receive(self, name):
        left = int(self.headers.get("Content-Length", "0"))
        fault = self.fault("cut")
        with open(self.top + "/upload-" + name, "ab") as out:
            while left > 0:
                data = self.rfile.read(min(left, 1 << 20))
                out.write(data)
                left -= len(data)
                if fault or not data:
                    self.close_connection = True
                    return False
        return True

    def do_POST(self):
        self.note()
        if not self.allowed():
            return
        path, _, query = self.path.partition("?")
        repository = path[len("/v2/") : -len("/blobs/uploads/")]
        asked = dict(urllib.parse.parse_qsl(query))
        if "mount" in asked and self.has_blob(asked.get("from", ""), asked["mount"]):
            self.given.add((repository, asked["mount"]))
            return self.answer(201, b"", [("Location", f"/v2/{repository}/blobs/{asked['mount']}")])
        name = uuid.uuid4().hex
        open(self.top + "/upload-" + name, "wb").close()
        self.answer(202, b"", self.upload_headers(repository, name))

    def do_PATCH(self):
        self.note()
        parts = self.path.split("/")
        repository, name = "/".join(parts[2:-3]), parts[-1]
        there = os.path.getsize(self.top + "/upload-" + name)
        if int(self.headers.get("Content-Range", "0-").split("-")[0]) != there:
            self.close_connection = True
            return self.fail(416, "RANGE_INVALID")
        if self.receive(name):
            self.answer(202, b"", self.upload_headers(repository, name))

    def do_PUT(self):
        self.note()
        path, _, query = self.path.partition("?")
        parts = path.split("/")
        if parts[-2] == "manifests":
            return self.put_manifest("/".join(parts[2:-2]), parts[-1])
        repository, name = "/".join(parts[2:-3]), parts[-1]
        if not self.receive(name):
            return None
        with open(self.top + "/upload-" + name, "rb") as file:
            data = file.read()
        digest = dict(urllib.parse.parse_qsl(query))["digest"]
        if digest != "sha256:" + hashlib.sha256(data).hexdigest():
            return self.fail(400, "DIGEST_INVALID")
        add_blob(self.top, data)
        os.unlink(self.top + "/upload-" + name)
        self.given.add((repository, digest))
        return self.answer(201, b"", [("Docker-Content-Digest", digest)])

    def put_manifest(self, repository, name):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        manifest = json.loads(text)
        for blob in [manifest["config"], *manifest["layers"]]:
            if not self.has_blob(repository, blob["digest"]):
                return self.fail(400, "MANIFEST_BLOB_UNKNOWN")
        digest = add_blob(self.top, text)
        with self.lock:
            name_manifest(self.top, repository, [name, digest], {"type": self.headers["Content-Type"], "digest": digest})
        return self.answer(201, b"", [("Docker-Content-Digest", digest)])

    def send_manifest(self, entry):
        with open(self.top + "/blobs/" + entry["digest"][7:], "rb") as file:
            body = file.read()
        if self.fault("corrupt"):
            body = body.replace(b"linux", b"linus") + b" "
        if fault := self.fault("body"):
            body = fault["text"].encode()
        headers = [("Content-Type", entry["type"])]
        if fault := self.fault("type"):
            headers = [("Content-Type", fault["type"])]
        if not self.fault("nodigest"):
            headers.append(("Docker-Content-Digest", entry["digest"]))
        self.answer(200, body, headers)

    def send_blob(self, digest):
        try:
            with open(self.top + "/blobs/" + digest[7:], "rb") as file:
                body = file.read()
        except FileNotFoundError:
            return self.fail(404, "BLOB_UNKNOWN")
        if self.fault("corrupt"):
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault := self.fault("replace"):
            with open(self.top + "/blobs/" + fault["by"][7:], "rb") as file:
                body = file.read()
        if fault := self.fault("longer", "shorter"):
            # Not announced: the end of the connection is the end.
            self.close_connection = True
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body + b"more" if fault["do"] == "longer" else body[:-100])
            return
        start, status, headers = 0, 200, [("Content-Type", "application/octet-stream")]
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes=") and not self.fault("norange"):
            start = int(asked[6:].split("-")[0])
            status = 206
            headers.append(("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body))))
        body = body[start:]
        if fault := self.fault("hold"):
            self.answer(status, body[: fault["after"]], headers + [("Content-Length", str(len(body)))])
            self.wfile.flush()
            while not os.path.exists(self.top + "/go"):
                time.sleep(0.02)
            self.wfile.write(body[fault["after"] :])
            return
        if fault := self.fault("cut"):
            self.close_connection = True
            self.answer(status, body[: fault["after"]], headers + [("Content-Length", str(len(body)))])
            return
        self.answer(status, body, headers)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


def serve(top, tls):
    Handler.top = top
    servers = [Server(("127.0.0.1", 0), Handler), Server(("127.0.0.2", 0), Handler)]
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls[0], tls[1])
        for server in servers:
            server.socket = context.wrap_socket(server.socket, server_side=True)
    print(" ".join(str(server.server_address[1]) for server in servers), flush=True)
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    servers[0].serve_forever()


def main(args):
    if args[0] == "make":
        make(args[1], args[2], args[3], dict(word.split("=", 1) for word in args[4:]))
    elif args[0] == "index":
        index(args[1], args[2], args[3], args[4:])
    else:
        serve(args[1], args[2:])


main(sys.argv[1:])
