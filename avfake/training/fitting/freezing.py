"""Backbones that stand still while what is new learns to use them."""

from torch import nn

from avfake.errors import ConfigError


class Backbones:
    """All modules called `backbone` of a model."""

    def __init__(self, model: nn.Module) -> None:
        named = model.named_modules()
        self.modules = [m for name, m in named if name.rpartition(".")[2] == "backbone"]
        self.parameters = [p for m in self.modules for p in m.parameters() if p.requires_grad]

    def freeze(self, *, frozen: bool) -> None:
        """Still or free; to be said after `train()`, which wakes batch statistics and dropout."""
        if frozen and not self.modules:
            raise ConfigError(
                "fit.frozen_epochs needs a module called backbone; the model has none"
            )
        for parameter in self.parameters:
            parameter.requires_grad_(not frozen)
        if frozen:
            for module in self.modules:
                module.eval()
