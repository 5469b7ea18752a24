"""Networks converted for OpenVINO, kept in the cache folder of this machine.

<cache>/openvino/<key>/   the key is a hash of weights, layers, shape of the input and versions
    network.xml, .bin     layers and weights, float32
    sums.json             checksums; an entry that does not fit them is made again
"""

import functools
import hashlib
import json
import logging
import threading
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch
from torch import Tensor, nn

from avfake.errors import AvfakeError
from avfake.storage import cache_folder, replacing
from avfake.threads import allowed_threads

logger = logging.getLogger(__name__)
VERSION = 1
"""Increased whenever code changes what is written for the same network."""
FILES = ("network.xml", "network.bin")
LARGEST_ERROR = 0.02
"""Largest deviation of the difference to torch, as a share of the deviation of the features; the
networks that were measured differ by less than 1e-5 in float32."""


class ConversionError(AvfakeError):
    """A network that OpenVINO cannot convert, or of which it computes other features."""


class ConvertedNetwork:
    """A network in OpenVINO for items of one shape: [M, ...] -> float32 [M, F].

    Items pass one by one, which was as fast as any batch, and each on one thread: the features of
    one depend neither on the others nor on the number of threads. Python threads may call it side
    by side, as many as torch may use threads.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        """
        Args:
            network: without gradients
            example: [1, ...] one item
        """
        self.model = _converted(network, example)
        self._compiled: dict[int, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, items: Tensor) -> Tensor:
        streams = allowed_threads()
        with self._lock:
            if streams not in self._compiled:
                self._compiled = {streams: _compiled(self.model, streams)}
            request = self._compiled[streams].create_infer_request()
        rows = [
            request.infer(np.ascontiguousarray(item))[0].copy() for item in items[:, None].numpy()
        ]
        return torch.from_numpy(np.concatenate(rows)).float()


def _compiled(model: Any, streams: int) -> Any:
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": streams,
        "NUM_STREAMS": streams,
        # Pinned, the workers of a pool would all run on the first cores.
        "ENABLE_CPU_PINNING": False,
    }
    return openvino_core().compile_model(model, "CPU", settings)


@functools.cache
def openvino_core() -> Any:
    """Return the one `openvino.Core` of this process.

    A core that ends leaves the alternate signal stack that it set to freed memory where another
    core was made after it: the next signal that Python handles would end the process.
    """
    import openvino

    return openvino.Core()


def _converted(network: nn.Module, example: Tensor) -> Any:
    """Return the OpenVINO model, from the cache or newly made."""
    folder = cache_folder() / "openvino" / _key(network, example)
    with ExitStack() as held:
        # Of several processes one converts and the others read what it made.
        with suppress(OSError):  # without a cache each converts for itself
            folder.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(filelock.FileLock(folder.with_suffix(".lock")))
        model = _read(folder)
        if model is None:
            logger.info("converting a network for OpenVINO, once: %s", folder)
            model = _convert(network, example)
            with suppress(AvfakeError, OSError, RuntimeError):
                _write(model, folder)
        return model


def _key(network: nn.Module, example: Tensor) -> str:
    import openvino

    settings = [VERSION, openvino.__version__, torch.__version__, [*example.shape], str(network)]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for name, value in network.state_dict().items():
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _read(folder: Path) -> Any:
    """Return the model of an entry of the cache; None if there is none, or it is damaged."""
    try:
        if json.loads((folder / "sums.json").read_text()) != _sums(folder):
            return None
        return openvino_core().read_model(folder / FILES[0])
    except (OSError, ValueError, RuntimeError):
        return None


def _write(model: Any, folder: Path) -> None:
    import openvino

    with replacing(folder) as partial:
        partial.mkdir()
        openvino.save_model(model, partial / FILES[0], compress_to_fp16=False)
        (partial / "sums.json").write_text(json.dumps(_sums(partial)))


def _sums(folder: Path) -> dict[str, str]:
    sums = {}
    for name in FILES:
        with (folder / name).open("rb") as stream:
            sums[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return sums


def _convert(network: nn.Module, example: Tensor) -> Any:
    # Not openvino.convert_model, which sends statistics of its use.
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with warnings.catch_warnings(), torch.no_grad(), torch.inference_mode(False):
            warnings.simplefilter("ignore")  # of the tracer: shapes are fixed on purpose
            example = example.clone()
            traced = torch.jit.trace(network, example, check_trace=False)
            decoder = TorchScriptPythonDecoder(traced, example_input=example)
            frontend = FrontEndManager().load_by_framework("pytorch")
            model = frontend.convert(frontend.load(decoder))
            model.reshape(list(example.shape))
            wanted = network(example).detach().numpy()
        found = _compiled(model, 1)(example.numpy())[0]
    except Exception as error:  # noqa: BLE001  each part has errors of its own
        raise ConversionError(" ".join(str(error).split())[:300]) from error
    off = float(np.std(found - wanted) / max(float(np.std(wanted)), 1e-12))
    if not off <= LARGEST_ERROR:
        raise ConversionError(f"its features differ from torch's by {off:.2g} deviations")
    return model
