"""Minute motion: a channel driven straight by how far one site has turned from neutral (IMUSIC, "minute motion").

For what a network misses because it is small or rare in its training, such as a puffed cheek: gain, dead zone and range are
learned from one example, a span of the take in which the performer does it once as far as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..channels import ARKIT
from ..errors import InnerfaceError
from .kinematics import Motion
from .signal import FRAME_RATE
from .spans import Span

_NOISE_TIMES = 3.0  # the dead zone is so many times the site's restlessness
_LEAST_DEG = 1.5  # an example that turns the site less says nothing


@dataclass(frozen=True)
class MinuteMotion:
    """`channel` rises from 0 at `dead_zone` rad of the site's turn along `axis` (3,) to `full` at `reach` rad."""

    channel: str
    site: str
    axis: np.ndarray
    dead_zone: float
    reach: float
    full: float = 1.0

    def weights(self, motion: Motion) -> np.ndarray:
        """(T,) weights in 0..1; NaN where the site is missing. Raises InnerfaceError where the take has no such site."""
        turn = _turns(motion, self.site) @ self.axis
        return np.clip((turn - self.dead_zone) / (self.reach - self.dead_zone), 0.0, 1.0) * self.full


def _turns(motion: Motion, site: str) -> np.ndarray:
    if site not in motion.sites:
        raise InnerfaceError(f"--minute: site {site} is not in the take, which has {', '.join(motion.sites)}; name one of them")
    return motion.rotation[:, motion.sites.index(site)]


def learn(motion: Motion, channel: str, site: str, span: Span, neutral: Span) -> MinuteMotion:
    """From one example in `span` (seconds from the first row) and the site's restlessness in the neutral span. Raises InnerfaceError."""
    if channel not in ARKIT:
        raise InnerfaceError(f"--minute: {channel} is none of the 52 channels; write it as Apple does, such as cheekPuff")
    turns = _turns(motion, site)

    def rows(part: Span) -> np.ndarray:
        cut = turns[max(int(part[0] * FRAME_RATE), 0) : int(part[1] * FRAME_RATE) + 1]
        return cut[~np.isnan(cut).any(-1)]

    example, rest = rows(span), rows(neutral)
    if not len(example):
        raise InnerfaceError(f"--minute: {site} has no samples in {span[0]:g}:{span[1]:g}; give a span inside the take")
    size = np.linalg.norm(example, axis=-1)
    apex = example[size >= np.percentile(size, 85)].mean(axis=0)
    reach = float(np.linalg.norm(apex))
    axis = apex / max(reach, 1e-9)
    noise = float(np.abs(rest @ axis).max()) if len(rest) else 0.0
    dead_zone = max(_NOISE_TIMES * float(np.std(rest @ axis)) if len(rest) else 0.0, noise)
    if np.degrees(reach) < _LEAST_DEG or dead_zone > 0.7 * reach:
        raise InnerfaceError(
            f"--minute: {site} turns only {np.degrees(reach):.1f} degrees in {span[0]:g}:{span[1]:g} (restless by {np.degrees(noise):.1f}); "
            "give a span in which the motion is done fully"
        )
    return MinuteMotion(channel, site, axis, dead_zone, reach)
