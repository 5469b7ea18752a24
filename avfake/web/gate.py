"""What stands before Gradio: who may ask, for which paths, with which files.

Everything is refused that the page and the documented interface do not need. Gradio serves many
more paths than that, among them ones that fetch a URL or serve a file by its path.
"""

import hmac
import json
import re
from collections.abc import Iterator, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avfake.web.config import ServeConfig
from avfake.web.uploads import Uploads

API = "/gradio_api"
UPLOAD = f"{API}/upload"
FILE = f"{API}/file="
ASSESS = f"{API}/call/assess"
MAX_REQUEST_BYTES = 100_000
"""Size of any request but an upload."""
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}
READ = re.compile(
    r"/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|sample\.mp4|startup-events"
    r"|(assets|static|svelte)/.*)?"
    rf"|{API}/(info|startup-events|heartbeat/\w+|queue/data|upload_progress|call/assess/\w+"
    r"|login_check|app_id|file=.*)"
)
"""Paths that may be asked for with GET."""
WRITE = re.compile(rf"{UPLOAD}|{API}/(queue/join|call/assess|cancel|reset)/?")
"""Paths that may be asked for with POST."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Nothing is loaded from, or sent to, another server; scripts in line are Gradio's."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self)",
}
LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>avfake</title>
<style>:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 30rem; margin: 15vh auto; padding: 0 1rem }} input, button {{ font: inherit;
padding: .4rem .6rem; max-width: 100% }}</style>
<h1>avfake</h1><p>{words}</p><form><label>Token <input name="token" type="password"
autocomplete="off" required></label> <button>Enter</button></form></html>"""


class RefusedError(Exception):
    """A request that is not let in, with the words and the HTTP status of the refusal."""

    def __init__(self, status: int, words: str) -> None:
        self.status, self.words = status, words
        super().__init__(words)


class Gate:
    """An ASGI application that lets through what is allowed."""

    def __init__(self, inner: ASGIApp, config: ServeConfig, uploads: Uploads) -> None:
        """config: its token is the one that is asked for; None = everyone on this machine."""
        self._inner, self._config, self._uploads = inner, config, uploads
        self._cookie = f"avfake_token_{config.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check_origin(headers)
            entrance = self._check_token(scope, headers)
            if entrance is not None:
                await entrance(scope, receive, send)
                return
            self._check_path(scope)
            if scope["method"] == "POST":
                receive = await self._check_content(scope, headers, receive)
        except RefusedError as refused:
            words = {"error": refused.words, "detail": refused.words}
            await JSONResponse(words, refused.status)(scope, receive, send)
            return
        await self._inner(scope, receive, send)

    def _check_origin(self, headers: Headers) -> None:
        """Refuse requests that a page of another site makes in the browser of a user."""
        host = headers.get("host", "")
        name = re.sub(r":\d+$", "", host).lower()
        if self._config.token is None and name not in LOOPBACK:
            raise RefusedError(421, f"this server answers to localhost, not to {name[:100]!r}")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise RefusedError(403, "requests from pages of other sites are refused")

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        """Return None where the token is right, or the answer that asks for it or takes it in."""
        token = self._config.token
        if token is None:
            return None
        brought = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if _equal(brought, token) or _equal(_cookie(headers, self._cookie), token):
            return None
        if scope["method"] != "GET" or scope["path"] != "/":
            raise RefusedError(401, NO_TOKEN)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if _equal(given, token):
            entrance = RedirectResponse("./", 303)
            entrance.set_cookie(self._cookie, token, httponly=True, samesite="lax")
            return entrance
        words = "That token is not right." if given else "This server asks for a token."
        return HTMLResponse(LOGIN.format(words=words), 401)

    def _check_path(self, scope: Scope) -> None:
        path, method = scope["path"], scope["method"]
        allowed = {"GET": READ, "HEAD": READ, "POST": WRITE}.get(method)
        if allowed is None or not allowed.fullmatch(path) or ".." in path:
            raise RefusedError(
                404, f"there is nothing here for {method} {path[:100]!r}; see docs/web.md"
            )
        if path.startswith(FILE) and unquote(path.removeprefix(FILE)) not in self._uploads:
            raise RefusedError(404, "that file is not here, or no longer")

    async def _check_content(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Return what gives the content of the request.

        RefusedError for one that is too large, or names a file that was not sent to this server.
        """
        length = headers.get("content-length", "0")
        num_bytes = int(length) if length.isdecimal() else 0
        if scope["path"] == UPLOAD:
            self._check_upload(num_bytes)
            return receive
        content, more = b"", True
        while more:
            if max(num_bytes, len(content)) > MAX_REQUEST_BYTES:
                raise RefusedError(413, f"a request may have {MAX_REQUEST_BYTES} bytes")
            message = await receive()
            content += message.get("body", b"")
            more = message["type"] == "http.request" and message.get("more_body", False)
        self._check_files(scope, content)
        return _once(content, receive)

    def _check_upload(self, num_bytes: int) -> None:
        # The envelope of a form adds some hundred bytes.
        if num_bytes > self._config.max_bytes + MAX_REQUEST_BYTES:
            raise RefusedError(413, too_large(self._config))
        if self._uploads.is_full():
            raise RefusedError(503, "too many files wait for an answer; try again in some minutes")
        if not self._uploads.has_space(num_bytes):
            raise RefusedError(507, NO_SPACE)

    def _check_files(self, scope: Scope, content: bytes) -> None:
        try:
            request = json.loads(content or b"{}")
        except ValueError as error:
            raise RefusedError(400, "the request is not JSON") from error
        if scope["path"] == ASSESS and not _is_assess(request):
            raise RefusedError(400, WANTED)
        for path in _paths(request):
            if path not in self._uploads:
                raise RefusedError(
                    400,
                    f"{str(path)[:100]!r} was not sent to this server, or has had its answer; send "
                    f"the file itself to {UPLOAD} and use the path that it returns",
                )


NO_TOKEN = "a token is needed: send the header Authorization: Bearer TOKEN"
WANTED = (
    'the content of this request must be {"data": [{"path": PATH, "meta": {"_type": '
    '"gradio.FileData"}}, false]}, with the PATH that the upload returned, and true in place of '
    "false for the whole report"
)
NO_SPACE = "the server has no space left for this file; try again later"


def too_large(config: ServeConfig) -> str:
    """Return the refusal of a file that has too many bytes."""
    return (
        f"this file is too large: this server takes up to {config.max_megabytes:g} MB; cut out "
        "the part in question"
    )


def _is_assess(request: Any) -> bool:
    """Return whether the content of a request is what the endpoint /assess takes."""
    data = request.get("data") if isinstance(request, dict) else None
    if not isinstance(data, list) or len(data) != 2:
        return False
    file, with_page = data
    meta = {"_type": "gradio.FileData"}
    return isinstance(with_page, bool) and isinstance(file, dict) and file.get("meta") == meta


def _paths(request: Any) -> Iterator[object]:
    """Yield every path of a file, at whatever depth: Gradio takes for a file what has one."""
    pending = [request]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "path" in value:
                yield value["path"]
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _once(content: bytes, receive: Receive) -> Receive:
    """Return a receive function that gives the content, and after it what the client does."""
    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replay() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _equal(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(errors="replace"), b.encode())
