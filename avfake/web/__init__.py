"""A web page, and an HTTP interface, that answer for files which are sent to them.

Gradio draws the page and keeps the queue; a worker process decodes and answers; nothing that was
sent stays longer than its answer takes. docs/web.md says what the server lets in.
"""

from avfake.web.config import ServeConfig
from avfake.web.server import serve

__all__ = ["ServeConfig", "serve"]
