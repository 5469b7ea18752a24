"""Named settings of training, each with its source: competition systems, papers, demos.

A preset states only what differs from the defaults of `TrainingConfig`, or from its base.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avfake.clips import ForgeryConfig
from avfake.config import change, check_choice
from avfake.training.config import TrainingConfig

STUDIO_VOCODERS = {"griffin_lim", "phase_vocoder", "pulse_vocoder"}
"""Voice conversions that the studio forges with; a test on the studio needs others in training."""


@dataclass(frozen=True)
class Preset:
    """Settings under one name."""

    source: str
    """Write-up, paper or measurement that they come from."""
    changes: Mapping[str, Any]
    """Dotted name of a setting -> its value."""
    base: str = ""
    """Preset that it extends."""


def preset(name: str, changes: Mapping[str, Any] | None = None) -> TrainingConfig:
    """Return the settings of a preset, with further changes under dotted names."""
    check_choice("preset", name, PRESETS)
    found = PRESETS[name]
    base = preset(found.base) if found.base else TrainingConfig()
    return change(change(base, found.changes), changes or {})


PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        "timm's smallest networks for one epoch: everything runs, nothing is learned (tests)",
        {
            "visual.backbone": "test_efficientnet",
            "visual.pretrained": False,
            "visual.size_px": 64,
            "visual.embedding_dim": 16,
            "audio.backbone": "test_resnet",
            "audio.pretrained": False,
            "audio.embedding_dim": 16,
            "data.num_folds": 2,
            "data.val_share": 0.2,
            "data.test_share": 0.3,
            "data.window_seconds": 1.0,
            "fit.epochs": 1,
            "fit.progress": False,
        },
    ),
    "small": Preset(
        # timm's smallest networks, 0.4 M parameters: from random weights they learn the studio in a
        # minute on two cores, where an EfficientNet-B0 has not begun to.
        "recipes/results/synthetic.csv: small studio sets from random weights, in minutes",
        {
            "visual.backbone": "test_resnet",
            "visual.pretrained": False,
            "visual.size_px": 112,
            "visual.drop_path": 0.0,
            "audio.backbone": "test_resnet",
            "audio.pretrained": False,
            "data.num_frames": 2,
            "data.num_windows": 1,
            # The studio makes four clips of each person, one genuine: pairs teach faster.
            "data.keep_groups": True,
            "data.undersample": False,
            "fit.learning_rate": 2e-3,
        },
    ),
    "synthetic": Preset(
        "recipes/results/synthetic.csv",
        {
            "data.num_folds": 2,
            "data.val_share": 0.09,
            "data.test_share": 0.41,
            "data.window_seconds": 1.5,
            "data.passes": 8,
            "fit.epochs": 5,
        },
        base="small",
    ),
    "additions": Preset(
        "the plain detector of recipes/results/additions.csv",
        {
            "use_stacker": False,
            "data.num_folds": 5,
            "data.trained_folds": 1,
            "data.val_share": 0.08,
            "data.test_share": 0.7,
            "data.window_seconds": 1.5,
            "data.passes": 6,
            "fit.epochs": 6,
        },
        base="small",
    ),
    "genuine_only": Preset(
        "Shiohara & Yamasaki 2022, self-blended images; Wang & Yamagishi 2023, vocoded speech",
        {
            # Of a few clips one model that sees most of them is better than two that see half.
            "data.num_folds": 5,
            "data.trained_folds": 1,
            "data.test_share": 0.1,
            # Four whole families to a batch: the genuine clip and one forgery of each kind.
            "data.batch_size": 16,
            "data.passes": 8,
            "augment.forge.face_rate": 0.5,
            "augment.forge.voice_rate": 0.5,
            # A swapped face; mouths of other moments and motion fields stand for other forgeries.
            "augment.forge.face_methods": (
                *("self_blend", "flicker", "resynthesis", "self_blend_mouth"),
            ),
            "augment.forge.voice_methods": tuple(
                name for name in ForgeryConfig().voice_methods if name not in STUDIO_VOCODERS
            ),
            "augment.picture": ("flip", "jpeg", "rescale"),
            "augment.sound": ("level",),
            "fit.epochs": 12,
        },
        base="small",
    ),
    "default_detector": Preset(
        "recipes/results/default_detector.csv: statistics of parts of faces and of voices",
        {
            "visual.backbone": "region_statistics",
            "visual.pretrained": False,
            "visual.size_px": 192,
            "visual.embedding_dim": 64,
            "visual.head": "linear",
            "audio.backbone": "voice_statistics",
            "audio.pretrained": False,
            "audio.spectrogram.n_fft": 256,
            "audio.spectrogram.hop": 64,
            "audio.spectrogram.num_bands": 60,
            "audio.spectrogram.scale": "linear",
            "audio.embedding_dim": 64,
            "audio.head": "linear",
            "data.num_folds": 5,
            "data.val_share": 0.0,
            "data.test_share": 0.0,
            "data.num_frames": 2,
            "data.batch_size": 32,
            "augment.picture": ("flip", "jpeg", "rescale", "brightness_contrast", "grey"),
            "augment.sound": ("level",),
            "augment.forge.face_methods": ForgeryConfig().face_methods,
            "fit.epochs": 10,
            "fit.first_best_epoch": 10,
            "fit.average": "ema",
            "fit.learning_rate": 3e-3,
            # Lower than what is wanted: other sources differ more than the folds do.
            "stack.false_alarm_rate": 0.03,
        },
    ),
    "dfdc_av": Preset(
        # Lips compared with sound, cross-attention, self-blended faces, the mean of several models.
        "recipes/results/additions.csv: what improved the plain detector",
        {
            "fusion.kind": "cross_attention",
            "use_sync": True,
            "data.num_frames": 4,
            "augment.forge.face_rate": 0.5,
        },
    ),
    "dfdc_blend": Preset(
        "write-up of a top 8 % entry of the 2020 DFDC: EfficientNets and a sound model",
        {"data.num_folds": 2, "data.num_frames": 4},
    ),
    "dfdc_confident": Preset(
        "first place of the 2020 DFDC, github.com/selimsef/dfdc_deepfake_challenge",
        {
            "visual.backbone": "tf_efficientnet_b7.ns_jft_in1k",
            "visual.size_px": 380,
            "visual.dropout": 0.0,
            "visual.drop_path": 0.2,
            "use_audio": False,
            "data.num_folds": 16,
            "data.trained_folds": 1,
            "data.split_seed": 0,
            "data.val_share": 0.06,
            "data.test_share": 0.06,
            "data.num_frames": 1,
            "data.passes": 3,
            "data.batch_size": 48,
            "augment.picture": ("winner",),
            "loss.class_separate": True,
            "loss.smoothing": 0.02,  # labels of 0.01 and 0.99
            "fit.epochs": 40,
            "fit.optimizer": "sgd",
            "fit.learning_rate": 0.01,
            "fit.weight_decay": 1e-4,
            "fit.schedule": "poly",
            "fit.warmup_epochs": 0.0,
            "fit.final_fraction": 0.0,
            "fit.metric": "weighted_log_loss",
            "fit.first_best_epoch": 17,
            "fit.keep_checkpoints": "all",
            "stack.rule": "confident",
        },
    ),
    "dfdc_frames": Preset(
        "Bonettini et al. 2020, a frame-wise EfficientNet, github.com/polimi-ispl/icpr2020dfdc",
        {
            "use_audio": False,
            # Ten folds of which one is held out to calibrate on: one model, trained on the others.
            "data.num_folds": 10,
            "data.trained_folds": 1,
            "data.num_frames": 1,
            "data.batch_size": 32,
            "stack.rule": "mean",
        },
    ),
    "dfdc_geometric": Preset(
        "69th place of the 2020 DFDC, github.com/GreatGameDota/Deepfake-Detection",
        {
            "visual.head": "bn_mlp",
            "visual.dropout": 0.75,
            "visual.drop_path": 0.0,
            "use_audio": False,
            "data.num_folds": 10,
            "data.trained_folds": 1,
            "data.split_seed": 0,
            "data.train_parts": "0-40",
            "data.val_parts": "41-45",
            "data.test_parts": "46-49",
            "data.num_frames": 1,
            "data.batch_size": 64,
            "fit.optimizer": "adam",
            "fit.learning_rate": 5e-4,
            "fit.weight_decay": 0.0,
            "fit.schedule": "plateau",
            "fit.warmup_epochs": 0.0,
            "fit.plateau_factor": 0.7,
            "fit.plateau_patience": 5,
            "fit.final_fraction": 0.02,  # down to 1e-5
            "stack.rule": "mean",
        },
    ),
    "av_exact": Preset(
        "exact labels of each stream: FakeAVCeleb (arXiv 2108.05080), LAV-DF (arXiv 2204.06228)",
        {
            "data.num_folds": 2,
            "data.num_windows": 8,
            # About the length of a forged word: a longer window would be mostly genuine.
            "data.window_seconds": 0.64,
            "data.assume_face_weight": 0.0,
        },
    ),
    "one_cycle": Preset(
        "a bronze medal of the 2020 DFDC; Smith & Topin 2018, Super-Convergence",
        {
            "data.num_folds": 2,
            "data.num_frames": 4,
            "loss.trim_fakes": 0.1,
            "fit.epochs": 8,
            "fit.frozen_epochs": 2,
            "fit.learning_rate": 1e-3,
            "fit.backbone_multiplier": 0.1,
            "fit.schedule": "one_cycle",
        },
    ),
    "voices": Preset(
        "ASVspoof challenges: residual networks over spectrograms; RawBoost (Tak et al. 2022)",
        {
            "use_visual": False,
            "data.num_folds": 2,
            "data.num_windows": 1,
            # Four seconds, as in most systems of the challenge.
            "data.window_seconds": 4.0,
            "data.batch_size": 32,
            # Lines, acoustics and levels that carry no identity of the speaker.
            "augment.sound": ("level", "rawboost", "telephone", "codec"),
        },
    ),
}
