"""Networks from the inputs of `core.imu.network.network_inputs` to weights, in torch.

All predict x0 (docs/design.md): without diffusion they are plain regressors, with it they also see a noisy estimate and
its noise level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.face.channels import ARKIT, GAZE_AND_BLINKS
from ...core.imu.network import INPUT_COUNT

WINDOW = 120  # frames of a transformer (IMUSIC: 2 s)
CHANNELS = len(ARKIT)
_EMBEDDING = 64


@dataclass(frozen=True)
class NetworkShape:
    """Shape of a network.

    Attributes
    ----------
    kind : "stream" (dilated causal convolutions) or "transformer" (the paper's, over whole windows)
    width, depth : of its layers
    ahead : frames by which a stream's output lags behind its input, so that it sees what follows
    diffusion : whether it sees a noisy estimate, too
    rest : whether it can be told the performer's relaxed face
    cycle : layers after which a stream's dilations, 1, 2, 4, ..., begin again at 1
    """

    kind: str = "stream"
    width: int = 160
    depth: int = 10
    ahead: int = 0
    diffusion: bool = False
    rest: bool = False
    cycle: int = 5

    @property
    def state_frames(self) -> int:
        """Frames of a stream's state: the receptive field minus one."""
        return 2 * sum(self.dilations)

    @property
    def dilations(self) -> list[int]:
        """Distances in frames between what a stream's layers see."""
        return [2 ** (k % self.cycle) for k in range(self.depth)]


class NoiseEmbedding(nn.Module):
    """Embedding (B, width) of noise levels from 0 (none) to 1 (only noise): the paper's timestep MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(_EMBEDDING, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, level: Tensor) -> Tensor:
        """Embed levels (B,): (B, width)."""
        frequency = torch.exp(
            torch.arange(_EMBEDDING // 2, device=level.device) * (-math.log(10_000.0) / (_EMBEDDING // 2 - 1))
        )
        angle = level[:, None] * 1000 * frequency
        return self.layers(torch.cat([angle.sin(), angle.cos()], dim=1))


class RestInput(nn.Module):
    """What a network is told of the relaxed face: (B, 53), its weights and 1, or 0 everywhere where it is not known.

    The network's output is the difference from it; gaze and lids are elsewhere in a moment, so theirs is the weight.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(CHANNELS + 1, width)
        steady = [float(c not in GAZE_AND_BLINKS) for c in ARKIT]
        self.register_buffer("steady", torch.tensor(steady), persistent=False)

    def forward(self, rest: Tensor) -> Tensor:
        """What the first layer adds for it: (B, width)."""
        return self.layer(rest)

    def baseline(self, rest: Tensor) -> Tensor:
        """The weights (B, 52) that the network's output adds to."""
        return rest[:, :CHANNELS] * self.get_buffer("steady")


class StreamNetwork(nn.Module):
    """Residual blocks of dilated causal convolutions, with a state for chunks of any length."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.dilations = shape.dilations
        self.first = nn.Conv1d(INPUT_COUNT + (CHANNELS if shape.diffusion else 0), width, 1)
        self.wide = nn.ModuleList(nn.Conv1d(width, width, 3, dilation=d) for d in self.dilations)
        self.narrow = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in self.dilations)
        self.last = nn.Conv1d(width, 2 * CHANNELS, 1)
        self.noise = NoiseEmbedding(width) if shape.diffusion else None
        self.rest = RestInput(width) if shape.rest else None
        for layer in self.narrow:  # blocks begin near the identity
            layer.get_parameter("weight").data *= 0.3

    @property
    def state_frames(self) -> int:
        """Frames of the state."""
        return self.shape.state_frames

    def initial_state(self, batch: int) -> Tensor:
        """State (batch, width, state_frames) before the first frame."""
        return self.first.weight.new_zeros(batch, self.shape.width, self.state_frames)

    def forward(
        self,
        motion: Tensor,
        state: Tensor,
        rest: Tensor | None = None,
        noisy: Tensor | None = None,
        level: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weights (B, 52, T), their expected errors (B, 52, T) and the state, from inputs (B, INPUT_COUNT, T).

        `rest` (B, 53): as for `RestInput`; `noisy` (B, 52, T), `level` (B,): of a diffusion network.
        """
        x = self.first(motion if noisy is None else torch.cat([motion, noisy], dim=1))
        if self.noise is not None and level is not None:
            x = x + self.noise(level)[:, :, None]
        if self.rest is not None and rest is not None:
            x = x + self.rest(rest)[:, :, None]
        next_states, at = [], 0
        for wide, narrow, d in zip(self.wide, self.narrow, self.dilations):
            padded = torch.cat([state[:, :, at : at + 2 * d], x], dim=2)
            next_states.append(padded[:, :, -2 * d :])
            at += 2 * d
            x = x + narrow(functional.relu(wide(padded)))
        weights, error = self.last(functional.relu(x)).split(CHANNELS, dim=1)
        if self.rest is not None and rest is not None:
            weights = weights + self.rest.baseline(rest)[:, :, None]
        return weights, functional.softplus(error), torch.cat(next_states, dim=2)


class TransformerNetwork(nn.Module):
    """The paper's network: FC, transformer with a token for the noise level, FC; it has no state, but sees a window."""

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
        self.rest = RestInput(width) if shape.rest else None

    def forward(
        self, motion: Tensor, rest: Tensor | None = None, noisy: Tensor | None = None, level: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Weights and their expected errors (B, 52, WINDOW), from inputs (B, INPUT_COUNT, WINDOW)."""
        x = self.first((motion if noisy is None else torch.cat([motion, noisy], dim=1)).transpose(1, 2))
        length, width = x.shape[1], x.shape[2]
        position = torch.arange(length, device=x.device)[:, None] * torch.exp(
            torch.arange(0, width, 2, device=x.device) * (-math.log(10_000.0) / width)
        )
        x = x + torch.cat([position.sin(), position.cos()], dim=1)[None]
        token = self.noise(level if level is not None else x.new_zeros(len(x)))[:, None]
        if self.rest is not None and rest is not None:
            token = token + self.rest(rest)[:, None]
        x = self.layers(torch.cat([token, x], dim=1))[:, 1:]
        weights, error = self.last(x).transpose(1, 2).split(CHANNELS, dim=1)
        if self.rest is not None and rest is not None:
            weights = weights + self.rest.baseline(rest)[:, :, None]
        return weights, functional.softplus(error)


def predict_windows(
    net: StreamNetwork | TransformerNetwork,
    motion: Tensor,
    noise: tuple[Tensor, Tensor] | None = None,
    *,
    rest: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Weights and expected errors of whole windows, from the initial state.

    `noise`: for a diffusion network, the noisy weights (N, 52, T) and their noise level (N,). `rest`: (N, 53), as for
    `RestInput`; not known if not given.
    """
    noisy, level = noise or (None, None)
    if rest is None and net.shape.rest:
        rest = motion.new_zeros(len(motion), CHANNELS + 1)
    if isinstance(net, StreamNetwork):
        return net(motion, net.initial_state(len(motion)), rest, noisy, level)[:2]
    return net(motion, rest, noisy, level)


def build(shape: NetworkShape) -> StreamNetwork | TransformerNetwork:
    """Make a network of a shape, with random weights."""
    return TransformerNetwork(shape) if shape.kind == "transformer" else StreamNetwork(shape)
