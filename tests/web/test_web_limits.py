"""Settings, words, and the folder of files: without a server."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from avfake.errors import ConfigError, Reason
from avfake.limits import Limits
from avfake.parallel import Failure, Step
from avfake.verdict import Verdict
from avfake.web.answering import Answer, Job, Refusal, answer_one, failed
from avfake.web.config import ServeConfig, in_time
from avfake.web.uploads import Uploads
from avfake.web.work import Work


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"port": 70_000}, "serve.port must be in"),
        ({"workers": 0}, "serve.workers must be in"),
        ({"max_minutes": 0}, "above 0"),
        ({"token": "short"}, "16 or more"),
        ({"token": "with spaces and <marks>"}, "letters, digits"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        ServeConfig(**settings)


def test_loopback_and_lengths_of_time_in_words():
    hosts = ("127.0.0.1", "127.0.1.1", "localhost", "::1", "[::1]")
    assert all(ServeConfig(host=host).is_loopback for host in hosts)
    assert not any(ServeConfig(host=host).is_loopback for host in ("0.0.0.0", "::", "10.0.0.1"))
    words = [in_time(seconds) for seconds in (2.5, 30, 60, 90, 1800, 14_400, 14_460)]
    assert words == ["2.5 s", "30 s", "1 min", "1 min 30 s", "30 min", "4 h", "4 h 1 min"]


def test_a_file_is_taken_once_and_its_folders_go(tmp_path):
    uploads = Uploads(tmp_path, most=1)
    with uploads.receiving() as folder:
        (folder / "a").mkdir()
        path = folder / "a" / "clip.mp4"
        path.write_bytes(b"x")
        uploads.add(str(path))
    assert uploads.is_full()
    with uploads.job(str(path)) as job:
        assert (job.folder / job.name).read_bytes() == b"x"
        assert str(path) not in uploads
    assert not uploads.is_full()
    assert [*uploads.sent.iterdir(), *uploads.jobs.iterdir()] == []
    with pytest.raises(KeyError), uploads.job(str(path)):
        pass


def test_an_upload_that_breaks_off_and_one_that_no_one_asks_about_are_removed(
    tmp_path, monkeypatch
):
    uploads = Uploads(tmp_path, most=1)
    with pytest.raises(FileNotFoundError), uploads.receiving() as folder:
        (folder / "half").rename(folder / "whole")
    assert list(uploads.sent.iterdir()) == []
    with uploads.receiving() as folder:
        (folder / "a").mkdir()
        (folder / "a" / "clip.mp4").write_bytes(b"x")
        uploads.add(str(folder / "a" / "clip.mp4"))
    monkeypatch.setattr("avfake.web.uploads.UNASKED_SECONDS", -1)
    assert not uploads.is_full()
    assert list(uploads.sent.iterdir()) == []


def test_a_full_disk_is_said_before_and_while_a_file_is_stored(tmp_path, monkeypatch):
    pytest.importorskip("gradio")
    from avfake.web import app
    from avfake.web.gate import NO_SPACE, Gate, RefusedError

    uploads = Uploads(tmp_path, most=3)
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr("avfake.web.uploads.shutil.disk_usage", lambda _: usage)
    gate = Gate(None, ServeConfig(), uploads)
    with pytest.raises(RefusedError, match="no space left"):
        gate._check_upload(10)

    async def full(request, folder, *_, **__):
        (Path(folder) / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(app, "upload_fn", full)
    answer = asyncio.run(app.receive_files(None, ServeConfig(), uploads))
    assert answer.status_code == 507
    assert NO_SPACE.encode() in answer.body
    assert list(uploads.sent.iterdir()) == []


def test_names_and_reasons_are_escaped_and_nothing_is_cut():
    pytest.importorskip("gradio")
    from avfake.web.page import answer_html, in_html

    name = '"><script>alert(1)</script>' * 20 + "\udcff.mp4"
    verdict = Verdict.failed(name, Reason("file", "not_media", "<b>bold</b>"))
    shown = answer_html(Answer(name, "This file could not be read: <b>.", verdict, "{}", "<p>'"))
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert shown.count("&lt;script&gt;alert(1)") >= 20
    assert "<i>" not in next(in_html(one for one in [Step("<i>")]))


def test_a_file_at_which_the_worker_ended_has_a_verdict_without_a_number():
    answer = failed("a.mp4", Failure("timed_out", "limit 20 s"))
    assert answer.verdict.p_fake is None
    assert answer.sentence.startswith("This file could not be assessed: the file took longer")
    assert "limit 20 s" in answer.sentence


def test_a_detector_that_is_not_there_is_refused_in_words(tmp_path):
    found = answer_one(
        (str(tmp_path / "none"),), "mean", Job(tmp_path, "a"), limits=Limits(), tell=print
    )
    assert isinstance(found, Refusal)
    assert "none" in found.words


class Endless:
    """A pool whose work never ends by itself."""

    closed = False

    def ask(self, job):
        try:
            while True:
                time.sleep(0.01)
                yield Step("working")
        finally:
            self.closed = True


@pytest.mark.parametrize("is_closed", [True, False])
def test_work_that_no_one_waits_for_ends_and_its_files_go(tmp_path, monkeypatch, is_closed):
    monkeypatch.setattr("avfake.web.work.UNWATCHED_SECONDS", 1.0)
    uploads, pool = Uploads(tmp_path, most=1), Endless()
    (tmp_path / "sample.mp4").write_bytes(b"x")
    steps = Work(uploads.copied_job(tmp_path / "sample.mp4"), pool).steps()
    assert next(steps) == Step("working")
    assert list(uploads.jobs.iterdir())
    if is_closed:
        steps.close()
    end = time.monotonic() + 20
    while list(uploads.jobs.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert pool.closed
    assert list(uploads.jobs.iterdir()) == []
