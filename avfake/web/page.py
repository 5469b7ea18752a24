"""The page: ways to give a file, what is being done, the answer; and the documented endpoint."""

import base64
import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from jinja2 import Environment, PackageLoader, StrictUndefined

from avfake.errors import AvfakeError
from avfake.labels import COLUMNS
from avfake.parallel import Step
from avfake.web.answering import SAMPLE, Answer, Job, Pool, Refusal
from avfake.web.config import ServeConfig, in_time
from avfake.web.uploads import Uploads
from avfake.web.work import Work

TITLES = {"overall": "Anything forged", "face": "Face forged", "voice": "Voice forged"}
NO_FILE = "Choose a file first."
GONE = "This file has had its answer and is no longer here; choose it again."
Steps = Generator[Step | Answer, None, None]
ONE_QUEUE = "answers"
"""All ways to give a file share the workers."""
_templates = Environment(
    loader=PackageLoader("avfake.web", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def file_field(**options: Any) -> gr.File:
    """Return a field for one file that gives its path, unopened.

    Gradio's own way of preparing it leaves an empty temporary file each time.
    """
    field = gr.File(**options)

    def path_of(payload: Any) -> str | None:
        return payload.path if isinstance(payload, FileData) else None

    field.preprocess = path_of  # type: ignore[method-assign]
    return field


def theme() -> gr.Theme:
    """Return Gradio's theme with fonts that are on the user's machine."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "DejaVu Sans", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        # White on the lighter blue of Gradio is hard to read.
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
    )


def build_page(config: ServeConfig, uploads: Uploads, pool: Pool) -> gr.Blocks:
    """Return the page, without a server."""

    def answer_sent(path: str | None) -> Iterator[str]:
        yield from in_html(steps_of_sent(path, uploads, pool))

    def answer_sample() -> Iterator[str]:
        yield from in_html(steps_of(uploads.copied_job(uploads.root / SAMPLE), pool))

    def assess(file: str | None, with_page: bool) -> tuple[dict[str, Any], str]:
        return in_json(steps_of_sent(file, uploads, pool), with_page=with_page)

    with gr.Blocks(title="avfake", analytics_enabled=False) as page:
        gr.HTML(_templates.get_template("intro.html").render(limits=config.limits))
        with gr.Tabs():
            with gr.Tab("File"):
                file = file_field(label="Video, sound file or photograph", height=150)
            with gr.Tab("Camera"):
                options = gr.WebcamOptions(mirror=False)
                camera = gr.Video(
                    label="Record yourself with sound",
                    sources=["webcam"],
                    webcam_options=options,
                    elem_classes="recorder",
                )
                ask_camera = gr.Button("Check the recording", variant="primary")
            with gr.Tab("Voice"):
                sound = gr.Audio(label="Record a voice", sources=["microphone"], type="filepath")
                ask_sound = gr.Button("Check the recording", variant="primary")
            with gr.Tab("Sample"):
                gr.HTML(_templates.get_template("sample.html").render(sample=SAMPLE))
                ask_sample = gr.Button("Check the sample", variant="primary")
        stop = gr.Button("Stop", elem_id="stop", size="sm", visible=False)
        shown = gr.HTML(elem_id="answer", padding=False)
        started = [
            _connect(file.upload, file, stop, shown, answer_sent),
            _connect(ask_camera.click, camera, stop, shown, answer_sent),
            _connect(ask_sound.click, sound, stop, shown, answer_sent),
            _connect(ask_sample.click, None, stop, shown, answer_sample),
        ]
        stop.click(
            _stopped,
            outputs=[stop, shown],
            cancels=started,
            concurrency_limit=None,
            api_visibility="private",
        )
        _endpoint(assess)
    return page


def _connect(
    trigger: Any,
    field: Any,
    stop: gr.Button,
    shown: gr.HTML,
    answer: Callable[..., Iterator[str]],
) -> Any:
    """Have a trigger ask for the answer for a field, and empty the field after it.

    Returns the event that can be cancelled.
    """
    asked = trigger(
        lambda: (gr.update(visible=True), _message("Waiting for the answers before this one.")),
        outputs=[stop, shown],
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    )
    answered = asked.then(
        answer,
        inputs=[field] if field else [],
        outputs=[shown],
        concurrency_id=ONE_QUEUE,
        show_progress="minimal",
        api_visibility="private",
    )
    # Again, after the cancelling: a step may have been shown in place of what Stop shows.
    answered.failure(
        _stopped,
        outputs=[stop, shown],
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    )
    cleared = [field] if field else []
    answered.then(
        lambda: [gr.update(visible=False), *[None for _ in cleared]],
        outputs=[stop, *cleared],
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    )
    return answered


def _endpoint(assess: Callable[..., Any]) -> None:
    """Add the documented endpoint /assess, with fields that are not shown."""
    with gr.Row(visible=False):
        file = file_field(label="file")
        with_page = gr.Checkbox(label="with_page", value=False)
        report, html = gr.JSON(label="report"), gr.Textbox(label="page")
        gr.Button().click(
            assess,
            inputs=[file, with_page],
            outputs=[report, html],
            api_name="assess",
            concurrency_id=ONE_QUEUE,
        )


def steps_of_sent(path: str | None, uploads: Uploads, pool: Pool) -> Steps:
    """Yield the steps and the answer for a file that was sent; `gr.Error` for any other path."""
    if path is None:
        raise gr.Error(NO_FILE, print_exception=False)
    yield from steps_of(uploads.job(path), pool)


def steps_of(opening: AbstractContextManager[Job], pool: Pool) -> Steps:
    """Yield the steps and the answer for a job; closing it ends the work."""
    try:
        with closing(Work(opening, pool).steps()) as steps:
            for found in steps:
                if isinstance(found, Refusal):
                    raise gr.Error(found.words, print_exception=False)
                yield found
    except KeyError as error:
        raise gr.Error(GONE, print_exception=False) from error
    except (AvfakeError, OSError) as error:
        raise gr.Error(str(error), print_exception=False) from error


def in_html(steps: Steps) -> Iterator[str]:
    """Yield what the page shows: the steps with the time since the start, then the answer.

    An error is shown in its place; a note of Gradio's would go away, and leave the last step.
    """
    started, done = time.monotonic(), list[str]()
    try:
        with closing(steps):
            for found in steps:
                if isinstance(found, Answer):
                    yield answer_html(found)
                    continue
                if done == [Pool.WAITING]:
                    done.clear()
                if not done or done[-1] != found.words:
                    done.append(found.words)
                seconds = time.monotonic() - started
                yield _templates.get_template("progress.html").render(
                    done=done[:-1], now=done[-1], time=in_time(float(int(seconds)))
                )
    except gr.Error as error:
        yield _message(error.message)


def in_json(steps: Steps, *, with_page: bool) -> tuple[dict[str, Any], str]:
    """Return the report as JSON, and as HTML if it is asked for."""
    with closing(steps):
        answer = next(found for found in steps if isinstance(found, Answer))
    return json.loads(answer.document), answer.page if with_page else ""


def answer_html(answer: Answer) -> str:
    """Return the answer as a part of the page: nothing in it is left on the server."""
    verdict, stem = answer.verdict, Path(answer.name).stem
    contents = {
        "HTML": ("text/html;charset=utf-8", answer.page.encode(errors="backslashreplace")),
        "PDF": ("application/pdf", answer.pdf),
        "JSON": ("application/json", answer.document.encode(errors="backslashreplace")),
    }
    downloads = [
        (kind, f"{stem}.{kind.lower()}", f"data:{mime};base64,{base64.b64encode(content).decode()}")
        for kind, (mime, content) in contents.items()
        if content
    ]
    rows = [
        (title, getattr(verdict, COLUMNS[output].probability)) for output, title in TITLES.items()
    ]
    return _templates.get_template("answer.html").render(
        answer=answer, verdict=verdict, rows=rows, downloads=downloads
    )


def _stopped() -> tuple[Any, str]:
    return gr.update(visible=False), _message("Stopped.")


def _message(words: str) -> str:
    return _templates.get_template("progress.html").render(done=[], now=words, time="")
