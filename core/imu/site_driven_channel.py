"""Minute motion: a channel driven straight by how far one site has turned from neutral (IMUSIC, "minute motion").

For what a network misses because it is small or rare in its training, such as a puffed cheek: gain, dead zone and range are
learned from one example, a span of the take in which the performer does it once as far as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..rates import FRAME_RATE
from .kinematics import Motion
from .spans import Span

_NOISE_FACTOR = 3.0  # the dead zone is so many times the site's restlessness
_MIN_EXAMPLE_DEG = 1.5  # an example that turns the site less says nothing


@dataclass(frozen=True)
class SiteDrivenChannel:
    """`channel` rises from 0 at `dead_zone` rad of the site's turn along `axis` (3,) to `full` at `reach` rad."""

    channel: str
    site: str
    axis: np.ndarray
    dead_zone: float
    full_angle: float
    full_weight: float = 1.0

    def weights(self, motion: Motion) -> np.ndarray:
        """(T,) weights in 0..1; NaN where the site is missing. Raises InnerfaceError where the take has no such site."""
        angle = _site_rotations(motion, self.site) @ self.axis
        return np.clip((angle - self.dead_zone) / (self.full_angle - self.dead_zone), 0.0, 1.0) * self.full_weight


def _site_rotations(motion: Motion, site: str) -> np.ndarray:
    if site not in motion.sites:
        raise InnerfaceError(
            f"--minute: site {site} is not in the take, which has {', '.join(motion.sites)}; name one of them"
        )
    return motion.rotation[:, motion.sites.index(site)]


def learn(motion: Motion, channel: str, site: str, span: Span, neutral: Span) -> SiteDrivenChannel:
    """From one example in `span` (seconds from the first row) and the site's restlessness in the neutral span. Raises InnerfaceError."""
    if channel not in ARKIT:
        raise InnerfaceError(
            f"--minute: {channel} is none of the 52 channels; write it as Apple does, such as cheekPuff"
        )
    rotations = _site_rotations(motion, site)

    def rows(part_span: Span) -> np.ndarray:
        section = rotations[max(int(part_span[0] * FRAME_RATE), 0) : int(part_span[1] * FRAME_RATE) + 1]
        return section[~np.isnan(section).any(-1)]

    example_rotations, neutral_rotations = rows(span), rows(neutral)
    if not len(example_rotations):
        raise InnerfaceError(f"--minute: {site} has no samples in {span[0]:g}:{span[1]:g}; give a span inside the take")
    size = np.linalg.norm(example_rotations, axis=-1)
    apex = example_rotations[size >= np.percentile(size, 85)].mean(axis=0)
    full_angle = float(np.linalg.norm(apex))
    axis = apex / max(full_angle, 1e-9)
    noise = float(np.abs(neutral_rotations @ axis).max()) if len(neutral_rotations) else 0.0
    dead_zone = max(_NOISE_FACTOR * float(np.std(neutral_rotations @ axis)) if len(neutral_rotations) else 0.0, noise)
    if np.degrees(full_angle) < _MIN_EXAMPLE_DEG or dead_zone > 0.7 * full_angle:
        raise InnerfaceError(
            f"--minute: {site} turns only {np.degrees(full_angle):.1f} degrees in {span[0]:g}:{span[1]:g} (restless by {np.degrees(noise):.1f}); "
            "give a span in which the motion is done fully"
        )
    return SiteDrivenChannel(channel, site, axis, dead_zone, full_angle)
