"""A small stand-in for the Hub's API, over HTTP, with its repositories in memory."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

WRITER, READER = "hf_writerwriterwriter", "hf_readerreaderreader"


class Hub:
    """Repositories by name, and who may do what."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.messages: list[str] = []
        self.endpoint = ""

    def commit(self, name: str) -> str:
        content = json.dumps({p: hashlib.sha1(b).hexdigest() for p, b in self.files[name].items()})
        return hashlib.sha1(content.encode()).hexdigest()


def handler_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Print nothing."""

        @property
        def token(self) -> str:
            return self.headers.get("authorization", "").removeprefix("Bearer ")

        def answer(
            self, status: int, content: object = b"", headers: dict[str, str] | None = None
        ) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status: int, code: str = "", words: str = "no") -> None:
            headers = {"X-Error-Message": words, **({"X-Error-Code": code} if code else {})}
            self.answer(status, {"error": words}, headers)

        def do_HEAD(self) -> None:  # noqa: N802
            self.do_GET()

        def do_GET(self) -> None:  # noqa: N802
            parts = [unquote(one) for one in urlsplit(self.path).path.strip("/").split("/")]
            is_api = parts[:2] == ["api", "models"]
            name = "/".join(parts[2:4] if is_api else parts[:2])
            if name not in hub.files or (hub.private[name] and self.token not in (WRITER, READER)):
                return self.refuse(401, "RepoNotFound", "Repository not found")
            files, commit = hub.files[name], hub.commit(name)
            revision = parts[5] if is_api and len(parts) > 5 else "main"
            if revision not in ("main", commit):
                return self.refuse(404, "RevisionNotFound")
            if not is_api:  # owner / name / resolve / revision / path
                content = files["/".join(parts[4:])]
                etag = hashlib.sha1(content).hexdigest()
                return self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": commit})
            if parts[4:5] == ["tree"]:
                return self.answer(200, [listed(path, one) for path, one in files.items()])
            siblings = [{"rfilename": path} for path in files]
            return self.answer(200, {"id": name, "sha": commit, "siblings": siblings})

        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.token != WRITER:
                # A server may well repeat what it was sent.
                return self.refuse(403, words=f"Forbidden: token {self.token} may not write")
            parts = urlsplit(self.path).path.strip("/").split("/")
            if parts[-1] == "validate-yaml":
                return self.answer(200, {"errors": [], "warnings": []})
            if parts[-2:] == ["repos", "create"]:
                wanted = json.loads(body)
                name = f"{wanted['organization']}/{wanted['name']}"
                is_private = bool(wanted.get("private") or wanted.get("visibility") == "private")
                hub.files.setdefault(name, {})
                hub.private.setdefault(name, is_private)
                return self.answer(200, {"url": f"{hub.endpoint}/{name}"})
            name = "/".join(parts[2:4])
            if parts[4] == "preupload":
                modes = [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for one in json.loads(body)["files"]
                ]
                return self.answer(200, {"files": modes})
            for line in body.decode().splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "header":
                    hub.messages.append(value["summary"])
                elif entry["key"] == "deletedFile":
                    hub.files[name].pop(value["path"], None)
                else:
                    hub.files[name][value["path"]] = base64.b64decode(value["content"])
            commit = hub.commit(name)
            url = f"{hub.endpoint}/{name}/commit/{commit}"
            return self.answer(200, {"success": True, "commitOid": commit, "commitUrl": url})

    return Handler


def listed(path: str, content: bytes) -> dict[str, object]:
    oid = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": path, "size": len(content), "oid": oid}


@contextmanager
def running(hub: Hub) -> Iterator[None]:
    """Serve the hub on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(hub))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
