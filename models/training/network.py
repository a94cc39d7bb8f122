"""Networks from sensors to weights, in torch. Every one takes what `core.imu.network.inputs` gives and answers in the channels of ARKIT.

All are x0-predictors (DESIGN: "Network"): without diffusion they are plain regressors; with it they also see a noisy answer and how noisy it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.face.channels import ARKIT
from ...core.imu.network import INPUT_COUNT

WINDOW = 120  # frames that a transformer sees (IMUSIC: 2 s)
CHANNELS = len(ARKIT)
_EMBEDDING = 64


@dataclass(frozen=True)
class NetworkShape:
    """What a network looks like. `kind`: "stream" (dilated causal convolutions) or "transformer" (the paper's, over whole windows);
    `ahead`: frames that a stream's answer lags behind its input, so that it has seen what follows; `diffusion`: sees a noisy answer, too."""

    kind: str = "stream"
    width: int = 160
    depth: int = 10
    ahead: int = 0
    diffusion: bool = False


class NoiseEmbedding(nn.Module):
    """How noisy the answer is, 0 (not) to 1 (only noise), as (B, width): the paper's timestep MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(_EMBEDDING, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, level: Tensor) -> Tensor:
        """(B,) -> (B, width)."""
        frequency = torch.exp(
            torch.arange(_EMBEDDING // 2, device=level.device) * (-math.log(10_000.0) / (_EMBEDDING // 2 - 1))
        )
        angle = level[:, None] * 1000 * frequency
        return self.layers(torch.cat([angle.sin(), angle.cos()], dim=1))


class StreamNetwork(nn.Module):
    """Residual blocks of dilated causal convolutions whose past is handed in and out: a chunk of any length goes on where the last ended."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.dilations = [2 ** (k % 5) for k in range(shape.depth)]
        self.first = nn.Conv1d(INPUT_COUNT + (CHANNELS if shape.diffusion else 0), width, 1)
        self.wide = nn.ModuleList(nn.Conv1d(width, width, 3, dilation=d) for d in self.dilations)
        self.narrow = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in self.dilations)
        self.last = nn.Conv1d(width, 2 * CHANNELS, 1)
        self.noise = NoiseEmbedding(width) if shape.diffusion else None
        for layer in self.narrow:  # at first a block adds little
            layer.get_parameter("weight").data *= 0.3

    @property
    def state_frames(self) -> int:
        """Frames of state: the receptive field less one."""
        return 2 * sum(self.dilations)

    def initial_state(self, batch: int) -> Tensor:
        """(batch, width, memory) before anything was seen."""
        return self.first.weight.new_zeros(batch, self.shape.width, self.state_frames)

    def forward(
        self, motion: Tensor, state: Tensor, noisy: Tensor | None = None, level: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs (B, INPUTS, T) and noisy weights (B, 52, T) -> weights (B, 52, T), their expected errors (B, 52, T), state."""
        x = self.first(motion if noisy is None else torch.cat([motion, noisy], dim=1))
        if self.noise is not None and level is not None:
            x = x + self.noise(level)[:, :, None]
        next_states, at = [], 0
        for wide, narrow, d in zip(self.wide, self.narrow, self.dilations):
            padded = torch.cat([state[:, :, at : at + 2 * d], x], dim=2)
            next_states.append(padded[:, :, -2 * d :])
            at += 2 * d
            x = x + narrow(functional.relu(wide(padded)))
        weights, error = self.last(functional.relu(x)).split(CHANNELS, dim=1)
        return weights, functional.softplus(error), torch.cat(next_states, dim=2)


class TransformerNetwork(nn.Module):
    """The paper's network: FC, transformer with a token for the noise level, FC; sees a whole window both ways and remembers nothing."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.first = nn.Linear(INPUT_COUNT + (CHANNELS if shape.diffusion else 0), width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, shape.depth, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.last = nn.Linear(width, 2 * CHANNELS)
        self.noise = NoiseEmbedding(width)

    def forward(
        self, motion: Tensor, noisy: Tensor | None = None, level: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Windows (B, INPUTS, WINDOW) -> weights and their expected errors (B, 52, WINDOW)."""
        x = self.first((motion if noisy is None else torch.cat([motion, noisy], dim=1)).transpose(1, 2))
        length, width = x.shape[1], x.shape[2]
        position = torch.arange(length, device=x.device)[:, None] * torch.exp(
            torch.arange(0, width, 2, device=x.device) * (-math.log(10_000.0) / width)
        )
        x = x + torch.cat([position.sin(), position.cos()], dim=1)[None]
        token = self.noise(level if level is not None else x.new_zeros(len(x)))[:, None]
        x = self.layers(torch.cat([token, x], dim=1))[:, 1:]
        weights, error = self.last(x).transpose(1, 2).split(CHANNELS, dim=1)
        return weights, functional.softplus(error)


def predict_windows(
    net: StreamNetwork | TransformerNetwork, motion: Tensor, noisy: Tensor | None = None, level: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Weights and expected errors of whole windows, from nothing remembered."""
    if isinstance(net, StreamNetwork):
        return net(motion, net.initial_state(len(motion)), noisy, level)[:2]
    return net(motion, noisy, level)


def build(shape: NetworkShape) -> StreamNetwork | TransformerNetwork:
    """A network of this shape, with random weights."""
    return TransformerNetwork(shape) if shape.kind == "transformer" else StreamNetwork(shape)
