"""Channels driven directly by the rotation of one site from neutral (IMUSIC, "minute motion").

For motion that a network misses because it is small or rare in training, such as a puffed cheek. Axis, dead zone and
range are learned from one example: a span of the take in which the performer does it once, to its full extent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..rates import FRAME_RATE
from .kinematics import Motion
from .spans import Span

_NOISE_FACTOR = 3.0  # dead zone over the site's noise at rest
_MIN_EXAMPLE_DEG = 1.5  # an example with a smaller rotation is refused


@dataclass(frozen=True)
class SiteDrivenChannel:
    """A channel that rises linearly with the rotation of a site.

    Attributes
    ----------
    channel : one of the 52
    site : the site that drives it
    axis : (3,), unit axis of the rotation that counts, in head axes
    dead_zone : rad, where the channel leaves 0
    full_angle : rad, where the channel reaches `full_weight`
    full_weight : the channel's maximum
    """

    channel: str
    site: str
    axis: Array
    dead_zone: float
    full_angle: float
    full_weight: float = 1.0

    def weights(self, motion: Motion) -> Array:
        """Weights (T,) in 0..1, NaN where the site is missing. Raises InnerfaceError for a site that the take lacks."""
        angle = _site_rotations(motion, self.site) @ self.axis
        return np.clip((angle - self.dead_zone) / (self.full_angle - self.dead_zone), 0.0, 1.0) * self.full_weight


def _site_rotations(motion: Motion, site: str) -> Array:
    if site not in motion.sites:
        raise InnerfaceError(
            f"--site-drive: site {site} is not in the take, which has {', '.join(motion.sites)}; name one of them"
        )
    return motion.rotation[:, motion.sites.index(site)]


def learn(motion: Motion, channel: str, site: str, *, span: Span, neutral: Span) -> SiteDrivenChannel:
    """Learn from one example in `span` and from the noise in the neutral span (s from the first row).

    Raises InnerfaceError.
    """
    if channel not in ARKIT:
        raise InnerfaceError(
            f"--site-drive: {channel} is not one of the 52 channels; write it as Apple does, such as cheekPuff"
        )
    rotations = _site_rotations(motion, site)

    def rows(part_span: Span) -> Array:
        section = rotations[max(int(part_span[0] * FRAME_RATE), 0) : int(part_span[1] * FRAME_RATE) + 1]
        return section[~np.isnan(section).any(-1)]

    example_rotations, neutral_rotations = rows(span), rows(neutral)
    if not len(example_rotations):
        raise InnerfaceError(
            f"--site-drive: {site} has no samples in {span[0]:g}:{span[1]:g}; give a span inside the take"
        )
    size = np.linalg.norm(example_rotations, axis=-1)
    apex = example_rotations[size >= np.percentile(size, 85)].mean(axis=0)
    full_angle = float(np.linalg.norm(apex))
    axis = apex / max(full_angle, 1e-9)
    noise = float(np.abs(neutral_rotations @ axis).max()) if len(neutral_rotations) else 0.0
    dead_zone = max(_NOISE_FACTOR * float(np.std(neutral_rotations @ axis)) if len(neutral_rotations) else 0.0, noise)
    if np.degrees(full_angle) < _MIN_EXAMPLE_DEG or dead_zone > 0.7 * full_angle:
        raise InnerfaceError(
            f"--site-drive: {site} turns by only {np.degrees(full_angle):.1f} degrees in {span[0]:g}:{span[1]:g} "
            f"(noise {np.degrees(noise):.1f}); give a span in which the motion reaches its full extent"
        )
    return SiteDrivenChannel(channel, site, axis, dead_zone, full_angle)
