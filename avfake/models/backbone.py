"""timm networks by name, with their published weights where these are available."""

import logging
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import huggingface_hub
import timm
import torch
from torch import nn

from avfake.errors import ConfigError, nearest

logger = logging.getLogger(__name__)
PROBE_SECONDS = 4.0


@dataclass(frozen=True)
class Backbone:
    """A feature network and the normalisation of its input."""

    network: nn.Module
    """[M, C, H, W] -> [M, feature_dim]"""
    feature_dim: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    pretrained_used: bool = False
    """False also where pretrained weights were wanted and not available."""


def load_backbone(
    name: str,
    *,
    pretrained: bool,
    channels: int = 3,
    size_px: int | None = None,
    drop_path: float = 0.0,
) -> Backbone:
    """Return the timm network `name` without its classifier.

    size_px: side of the pictures; None where it varies, as with spectrograms
    """
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
    network, pretrained_used = _create(name, options, pretrained)
    published: Any = network.pretrained_cfg
    # Halves the time of float32 convolutions on the CPU; tensor cores want it too.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Backbone(
        network,
        # num_features leaves out the layer that some networks have between pooling and classifier.
        feature_dim=int(network.head_hidden_size),  # type: ignore[arg-type]
        mean=tuple(published["mean"]),
        std=tuple(published["std"]),
        pretrained_used=pretrained_used,
    )


def check_backbone(name: str) -> None:
    """Raise ConfigError, with near names, unless timm has `name` (a weights tag may follow)."""
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
    return timm.get_pretrained_cfg(name)


def _create(name: str, options: dict[str, Any], pretrained: bool) -> tuple[nn.Module, bool]:
    why_not = _why_no_weights(name) if pretrained else ""
    if pretrained and not why_not:
        try:
            return timm.create_model(name, pretrained=True, **options), True
        except OSError as error:  # the hub's own errors are OSErrors
            why_not = str(error)
    if why_not:
        logger.warning(
            "no pretrained weights for %s (%s): starting from random weights. Scores will differ; "
            "fetch them once on a connected machine, or set pretrained=False to accept that.",
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
