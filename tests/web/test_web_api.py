"""The HTTP interface: answers, refusals, and nothing left behind."""

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import serving

from avfake.errors import ConfigError
from avfake.web.server import listen

API = "gradio_api/"
META = {"_type": "gradio.FileData"}


def send(server, content: bytes, name: str = "clip.mp4", **options) -> httpx.Response:
    files = {"files": (name, content)}
    return httpx.post(f"{server.url}{API}upload", files=files, timeout=60, **options)


def ask(server, data, **options) -> httpx.Response:
    return httpx.post(f"{server.url}{API}call/assess", json={"data": data}, timeout=60, **options)


def answer(server, content: bytes, name: str = "clip.mp4", *, with_page: bool = False, **options):
    """Return the verdict and the page, or the error, for a file."""
    path = send(server, content, name, **options).raise_for_status().json()[0]
    event = ask(server, [{"path": path, "meta": META}, with_page], **options).json()["event_id"]
    where = f"{server.url}{API}call/assess/{event}"
    text = httpx.get(where, timeout=60, **options).text
    kind, data = text.strip().splitlines()[-2:]
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def wait_until_empty(server, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while server.left() and time.monotonic() < end:
        time.sleep(0.1)
    assert server.left() == []


def test_a_file_gets_its_verdict_and_page_and_is_removed(server):
    kind, (report, page) = answer(server, b"leave fake", with_page=True)
    verdict = report["verdict"]
    assert (kind, verdict["decision"], verdict["p_fake"]) == ("complete", "fake", 0.97)
    assert verdict["file"] == "clip.mp4"
    assert report["sentence"] == "This file is fake."
    assert page.startswith("<!doctype html>")
    assert answer(server, b"real")[1][1] == ""
    wait_until_empty(server)


def test_the_documented_client_of_gradio(server, tmp_path):
    client = pytest.importorskip("gradio_client")
    (tmp_path / "clip.mp4").write_bytes(b"unsure")
    asking = client.Client(server.url, verbose=False, analytics_enabled=False)
    file = client.handle_file(tmp_path / "clip.mp4")
    report, page = asking.predict(file, False, api_name="/assess")
    assert (report["verdict"]["p_fake"], page) == (0.5, "")


def test_a_file_that_cannot_be_read_is_said_so_first(server):
    kind, (report, _) = answer(server, b"nothing of the kind")
    assert kind == "complete"
    assert report["sentence"].startswith("This file could not be read: ")
    assert report["verdict"]["p_fake"] is None


def test_equal_files_and_others_at_once_get_their_own_answers(server):
    contents = [b"wait fake", b"wait fake", b"wait real", b"unsure", b"wait real", b"fake"] * 2
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda content: answer(server, content), contents))
    words = [content.split()[-1].decode() for content in contents]
    assert [one[1][0]["verdict"]["decision"] for one in found] == words
    wait_until_empty(server)


def test_a_crash_and_a_hang_end_their_own_answer_alone(server, tmp_path):
    with ThreadPoolExecutor(3) as threads:
        crash, hang, fine = threads.map(
            lambda content: answer(server, content),
            [b"crash", f"slow {tmp_path / 'begun'}".encode(), b"wait fake"],
        )
    assert crash[1][0]["verdict"]["reasons"][0]["code"] == "crashed"
    assert crash[1][0]["sentence"].startswith("This file could not be assessed: the worker process")
    assert hang[1][0]["verdict"]["reasons"][0]["code"] == "timed_out"
    assert fine[1][0]["verdict"]["decision"] == "fake"
    assert answer(server, b"real")[1][0]["verdict"]["decision"] == "real"
    wait_until_empty(server)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../etc/passwd", "http://127.0.0.1:9/a.mp4", "file:///etc/passwd", "", None],
)
def test_only_what_was_sent_to_this_server_is_opened(server, path):
    refused = ask(server, [{"path": path, "meta": META}, False])
    assert refused.status_code == 400
    assert "was not sent to this server" in refused.json()["error"]
    joined = {"data": [[{"inner": {"path": path, "meta": META}}]], "fn_index": 0}
    refused = httpx.post(f"{server.url}{API}queue/join", json=joined)
    assert refused.status_code == 400
    assert httpx.get(f"{server.url}{API}file={path}").status_code == 404


def test_a_path_serves_for_one_answer_and_only_as_it_was_returned(server):
    path = send(server, b"fake").json()[0]
    around = f"{Path(path).parent}/../{Path(path).parent.name}/{Path(path).name}"
    assert ask(server, [{"path": around, "meta": META}, False]).status_code == 400
    event = ask(server, [{"path": path, "meta": META}, False]).json()["event_id"]
    assert "complete" in httpx.get(f"{server.url}{API}call/assess/{event}", timeout=60).text
    assert ask(server, [{"path": path, "meta": META}, False]).status_code == 400


@pytest.mark.parametrize("data", ["/etc/passwd", ["/etc/passwd", False], [{"path": "a"}], [], {}])
def test_a_request_of_another_shape_is_refused_with_the_right_one(server, data):
    refused = ask(server, data)
    assert refused.status_code == 400
    assert "gradio.FileData" in refused.json()["error"]


def test_too_large_too_much_and_empty_are_refused_in_words(server):
    large = send(server, bytes(1_200_000))
    assert large.status_code == 413
    assert "up to 1 MB" in large.json()["error"]
    no_length = send_in_chunks(server, 1_200_000)
    assert no_length.status_code == 413
    assert "up to 1 MB" in no_length.json()["error"]
    assert send(server, b"").status_code == 400
    assert ask(server, ["x" * 200_000, False]).status_code == 413
    assert httpx.post(f"{server.url}{API}upload", content=b"no form").status_code == 400
    wait_until_empty(server)


def send_in_chunks(server, num_bytes: int) -> httpx.Response:
    """Send a form whose length is not stated."""
    head = b'--X\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
    parts = (part for part in [head, *[bytes(100_000)] * (num_bytes // 100_000), b"\r\n--X--\r\n"])
    headers = {"Content-Type": "multipart/form-data; boundary=X"}
    return httpx.post(f"{server.url}{API}upload", content=parts, headers=headers, timeout=60)


def test_a_cancelled_upload_leaves_nothing(server):
    at = urlsplit(server.url)
    head = b'--X\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
    request = (
        f"POST /{API}upload HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 900000\r\n"
        "Content-Type: multipart/form-data; boundary=X\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port)) as opened:
        opened.sendall(request.encode() + head + bytes(300_000))
        end = time.monotonic() + 10
        while not server.left() and time.monotonic() < end:
            time.sleep(0.05)
        assert server.left()
    wait_until_empty(server)


def test_other_sites_hosts_and_paths_are_refused(server):
    at = urlsplit(server.url).netloc
    assert httpx.get(server.url, headers={"Host": "evil.example"}).status_code == 421
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert send(server, b"fake", headers={"Origin": origin}).status_code == 403
    assert send(server, b"fake", headers={"Origin": f"http://{at}"}).status_code == 200
    for path in ("monitoring", "gradio_api/proxy=http://a", "gradio_api/run/assess", "docs"):
        assert httpx.get(f"{server.url}{path}").status_code == 404
        assert httpx.post(f"{server.url}{path}", json={}).status_code == 404
    headers = httpx.get(server.url).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_another_host_needs_a_token_and_a_server_that_ends_leaves_nothing(tmp_path):
    server = serving.fake(tmp_path / "open", host="0.0.0.0")
    try:
        server.url = f"http://127.0.0.1:{urlsplit(server.url).port}/"
        assert len(server.token) >= 32
        assert httpx.get(server.url).status_code == 401
        assert httpx.get(f"{server.url}?token=wrong").status_code == 401
        assert send(server, b"fake").status_code == 401
        assert send(server, b"fake", headers={"Authorization": "Bearer wrong"}).status_code == 401
        bearer = {"Authorization": f"Bearer {server.token}"}
        assert answer(server, b"fake", headers=bearer)[1][0]["verdict"]["decision"] == "fake"
        with httpx.Client(follow_redirects=True) as browser:
            page = browser.get(f"{server.url}?token={server.token}")
            assert page.status_code == 200
            assert server.token not in str(page.url)
            assert browser.get(f"{server.url}config").status_code == 200
    finally:
        code = serving.stop(server)
    assert code == 0
    assert list((tmp_path / "open").iterdir()) == []


def test_the_port_of_a_server_is_named_to_a_second(server):
    port = urlsplit(server.url).port
    with pytest.raises(ConfigError) as refused, listen("127.0.0.1", port):
        pass
    assert f"port {port} of 127.0.0.1 is in use" in str(refused.value)
    assert f"--port {port + 1}" in str(refused.value)


LOSES_EXCEPTIONS = """
import signal
from fake_server import ServeConfig, serve, start

def say(line):
    try:
        if line.startswith("avfake serve"):
            signal.raise_signal(signal.{name})
    except BaseException:  # as Python does with one that comes in a callback
        print("lost", flush=True)

serve(ServeConfig(port=0), say=say, start=start)
print("ended")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_before_the_first_request_is_not_lost(tmp_path, name):
    paths = os.pathsep.join([str(serving.ROOT), str(serving.SCRIPT.parent)])
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": paths}
    command = [sys.executable, "-c", LOSES_EXCEPTIONS.format(name=name)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_server_leaves_what_the_next_one_removes(tmp_path):
    first = serving.fake(tmp_path / "both")
    send(first, b"fake")
    first.process.kill()
    first.process.wait()
    first.process.stdout.close()
    [old] = (tmp_path / "both").glob("avfake-serve-*")  # beside it that of the worker, for a moment
    second = serving.fake(tmp_path / "both")
    assert not old.exists()
    second.process.terminate()
    assert second.process.wait(30) == 0
    second.process.stdout.close()
    assert list((tmp_path / "both").iterdir()) == []
