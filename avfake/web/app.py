"""The application: Gradio's page, our way of receiving files, the sample, all behind the gate."""

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from gradio.route_utils import MultiPartException, upload_fn
from gradio.routes import file_upload_statuses
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp

from avfake.web.answering import SAMPLE, Pool
from avfake.web.config import ServeConfig
from avfake.web.gate import NO_SPACE, UPLOAD, Gate, too_large
from avfake.web.page import build_page, theme
from avfake.web.uploads import Uploads

SESSIONS = 32
"""Whose state Gradio keeps: the last output of each, so some megabytes. The page needs none."""
STYLE, SCRIPT = (Path(__file__).with_name(name) for name in ("style.css", "page.js"))


def build_app(config: ServeConfig, uploads: Uploads, pool: Pool) -> ASGIApp:
    """Return the whole server as an ASGI application."""
    sample = uploads.root / SAMPLE
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post(UPLOAD)
    async def upload(request: Request, upload_id: str | None = None) -> Response:
        return await receive_files(request, config, uploads, upload_id)

    @app.get(f"/{SAMPLE}")
    async def send_sample() -> Response:
        return FileResponse(sample, media_type="video/mp4")

    page = build_page(config, uploads, pool)
    page.queue(max_size=config.queue, default_concurrency_limit=config.workers)
    page.state_session_capacity = SESSIONS
    gr.mount_gradio_app(
        app,
        page,
        "/",
        server_name=config.host,
        server_port=config.port,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        max_file_size=config.max_bytes,
        show_error=True,
        theme=theme(),
        css_paths=[STYLE],
        js=SCRIPT.read_text(encoding="utf-8"),
    )
    page.has_launched = True  # or Gradio would not check that files are uploaded ones
    return Gate(app, config, uploads)


async def receive_files(
    request: Request, config: ServeConfig, uploads: Uploads, upload_id: str | None = None
) -> Response:
    """Store the files of a form and return their paths, as Gradio's own route does.

    Gradio's stores equal files of two users under one path, where the end of one job would take
    the file from the other; here each upload has a folder of its own.
    """
    progress = file_upload_statuses if upload_id else None
    try:
        with uploads.receiving() as folder:
            paths, _, _ = await upload_fn(
                request, folder, config.max_bytes, upload_id, upload_progress=progress
            )
            if len(paths) != 1:
                raise MultiPartException(f"the form holds {len(paths)} files; send one")
            if Path(paths[0]).stat().st_size == 0:
                raise MultiPartException("this file is empty: it has no bytes")
            uploads.add(paths[0])
            return JSONResponse(paths)
    except MultiPartException as error:
        is_large = "exceeded maximum" in error.message
        words = too_large(config) if is_large else error.message
        return _refused(413 if is_large else 400, words)
    except ClientDisconnect:  # the upload was cancelled; no one reads this
        return _refused(400, "the upload was cancelled")
    except OSError as error:
        words = NO_SPACE if not uploads.has_space(0) else error.strerror or str(error)
        return _refused(507, words)
    finally:
        if upload_id:
            file_upload_statuses.set_done(upload_id)


def _refused(status: int, words: str) -> Response:
    return JSONResponse({"error": words, "detail": words}, status)
