"""How good a take's sensors are, per site and in words; and whether they sit where their names say.

Figures come from the neutral span (noise), the whole take (loss, drift) and rests (a sensor that came loose). A smile, raised
brows and a dropped jaw move each site in a way of its own on every face: sites that move like another one are swapped.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..channels import ARKIT
from ..errors import InnerfaceError
from ..face_model import FaceModel
from . import quaternion as quat
from .kinematics import Calibration, Motion
from .layout import Layout
from .signal import FRAME_RATE, ImuSignal
from .skin import patches, skin_motion
from .spans import Span

# What the three actions of the check are made of; any face does them much alike.
ACTIONS: dict[str, dict[str, float]] = {
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    "brows": {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
    "jaw": {"jawOpen": 0.7},
}
_NOISY_DEG, _NOISY_ACCEL = 0.6, 0.35  # rms of fast rotation and acceleration at rest beyond which a site is noisy
_LOSSY = 0.05
_DRIFT_DPM = 6.0
_LOOSE_DEG = 8.0  # a step of one site's zero while the others keep theirs
_LOOSE_S, _LOOSE_CUTS = 1.0, 24  # blocks, and moments that are tried
_DEAD_DEG = 0.3  # a site that turns less than this in all three actions together is dead


@dataclass(frozen=True)
class SiteQuality:
    """One site: `noise_deg`, `noise_accel` rms of the fast part at rest (degrees, m/s^2); `still_deg` how far it strayed in the neutral span;
    `drift_dpm` of its heading, degrees per minute; `loss` share of samples missing; `loose_s` when it came loose (seconds from the
    first row) or None; `words` for the user, empty when all is well."""

    site: str
    noise_deg: float
    noise_accel: float
    still_deg: float
    drift_dpm: float
    loss: float
    loose_s: float | None
    words: str


def plain(site: str) -> str:
    """`buccinator_left` -> `left buccinator`."""
    name, _, side = site.rpartition("_")
    return f"{side} {name}" if side in ("left", "right") else site


def together(words: list[SiteQuality]) -> list[str]:
    """What is said of several sites alike, said once; empty where all is well."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for q in words:
        if q.words:
            about = q.words[len(plain(q.site)) + 1 :]
            groups.setdefault(re.sub(r"\d+", "", about), []).append((plain(q.site), about))
    out = []
    for said in groups.values():
        names = [name for name, _ in said]
        out.append(f"{'every sensor' if len(said) > 2 and len(said) == len(words) else ', '.join(names)} {said[0][1]}")
    return out


def report(signal: ImuSignal, found: Calibration, motion: Motion, losses: bool = True) -> list[SiteQuality]:
    """Quality of every face site of the motion; `signal` is the take as it was sent. `losses`: whether they are worth a word."""
    a, b = (round(s * FRAME_RATE) for s in found.neutral_span)
    sent = {found.renamed.get(site, site): k for k, site in enumerate(signal.sites)}
    lost = 1 - signal.present().mean(axis=0)
    minutes = max(len(motion.time) / FRAME_RATE / 60, 1e-3)
    out, fallen = [], came_loose(motion)
    for k, site in enumerate(motion.sites):
        rest, push = motion.rotation[a : b + 1, k], motion.acceleration[a : b + 1, k]
        noise = float(np.degrees(_fast(rest)))
        shake = float(_fast(push))
        stray = float(np.degrees(np.nanpercentile(np.linalg.norm(rest, axis=-1), 95))) if len(rest) else 0.0
        heading = np.degrees(np.unwrap(np.nan_to_num(motion.heading[:, k])))
        drift = float(np.abs(heading[-1] - heading[0]) / minutes) if len(heading) else 0.0
        loss = float(lost[sent[site]])
        loose = fallen[k]
        said = []
        if loose is not None:
            said.append(f"has come loose at {loose:.0f} s: tape it again")
        if noise > _NOISY_DEG or shake > _NOISY_ACCEL:
            said.append("is noisy: check the tape and the cable")
        if loss > _LOSSY and losses:
            said.append(f"loses {loss:.0%} of its samples: check the cable or the radio")
        if drift > _DRIFT_DPM:
            said.append(f"drifts by {drift:.0f} degrees a minute: let it warm up, and calibrate again soon")
        out.append(SiteQuality(site, noise, shake, stray, drift, loss, loose, f"{plain(site)} {'; '.join(said)}" if said else ""))
    return out


def _fast(values: np.ndarray) -> float:
    """rms of the part of (T, 3) that changes from frame to frame."""
    step = np.diff(values, n=2, axis=0)
    return float(np.sqrt(np.nanmean((step**2).sum(-1)) / 6)) if len(step) and np.isfinite(step).any() else 0.0


def came_loose(motion: Motion) -> list[float | None]:
    """Per site, seconds from the first row at which it stepped away and never came back, while the rest of the face did; else None."""
    window = int(_LOOSE_S * FRAME_RATE)
    blocks, count = len(motion.time) // window, len(motion.sites)
    when: list[float | None] = [None] * count
    if blocks < 8 or count < 2:
        return when
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # blocks without samples
        middle = np.nanmedian(motion.rotation[: blocks * window].reshape(blocks, window, count, 3), axis=1)
        for cut in np.unique(np.linspace(4, blocks - 3, _LOOSE_CUTS).astype(int)):
            before, after = np.nanmedian(middle[:cut], axis=0), np.nanmedian(middle[cut:], axis=0)
            step = np.linalg.norm(after - before, axis=-1)
            elsewhere = np.nanmedian(step)
            spread = np.nanmedian(np.linalg.norm(middle[cut:] - after, axis=-1), axis=0)
            away = np.nan_to_num(np.linalg.norm(middle[cut:] - before, axis=-1), nan=np.inf)
            nearest = np.percentile(away, 5, axis=0)
            # a face at work comes back to where it was; a loose sensor does not
            for k in np.flatnonzero((nearest > np.radians(_LOOSE_DEG)) & (step > 3 * elsewhere) & (spread < step)):
                when[k] = float(cut) * _LOOSE_S if when[k] is None else when[k]
    return when


def signatures(face: FaceModel, layout: Layout, sites: tuple[str, ...]) -> dict[str, np.ndarray]:
    """How each action turns each site on a face: action -> rotation vectors (F, 3)."""
    spots = patches(face, layout, 0.0, np.random.default_rng(0))
    weights = np.zeros((len(ACTIONS) + 1, len(ARKIT)))
    for row, apex in enumerate(ACTIONS.values(), start=1):
        for channel, value in apex.items():
            weights[row, ARKIT.index(channel)] = value
    turn = quat.from_rotvec(skin_motion(face, spots, weights)[1])
    moved = quat.to_rotvec(quat.multiply(turn, quat.conjugate(turn[:1])))
    index = [layout.sites.index(s) for s in sites]
    return {action: moved[row, index] for row, action in enumerate(ACTIONS, start=1)}


def check_places(motion: Motion, performed: dict[str, Span], expected: dict[str, np.ndarray]) -> list[str]:
    """Sentences about sites that are dead, swapped or mirrored, from the actions performed (action -> span in seconds from the first row).

    `expected`: `signatures` of the motion's sites. Empty where every site moves as its name says. Raises InnerfaceError for
    a span without samples or an action that nobody knows.
    """
    seen, wanted = [], []
    for action, span in performed.items():
        if action not in ACTIONS:
            raise InnerfaceError(f"'{action}' is none of the actions of the check: {', '.join(ACTIONS)}")
        cut = motion.rotation[max(int(span[0] * FRAME_RATE), 0) : int(span[1] * FRAME_RATE) + 1]
        if not len(cut) or np.isnan(cut).all():
            raise InnerfaceError(f"--{action} {span[0]:g}:{span[1]:g}: there are no samples; give seconds from the take's first row")
        size = np.nansum(np.linalg.norm(cut, axis=-1), axis=1)
        apex = np.nan_to_num(cut[size >= np.percentile(size, 75)])
        seen.append(apex.mean(axis=0))
        wanted.append(expected[action])
    measured, model = np.concatenate(seen, axis=1), np.concatenate(wanted, axis=1)  # (F, 3 per action)
    strength = np.degrees(np.linalg.norm(measured, axis=1))
    lines = [f"{plain(motion.sites[k])} does not move at all: it is dead or off the skin" for k in np.flatnonzero(strength < _DEAD_DEG)]
    alive = np.flatnonzero(strength >= _DEAD_DEG)
    if len(alive) < 2:
        return lines
    scale = np.median(np.linalg.norm(measured[alive], axis=1) / np.maximum(np.linalg.norm(model[alive], axis=1), 1e-9))
    gap = np.linalg.norm(measured[alive][:, None] - scale * model[alive][None], axis=-1)
    norm = np.maximum(np.linalg.norm(measured[alive], axis=1)[:, None], np.radians(1.0))
    cost = np.minimum(gap / norm, 2.0)
    rows, columns = linear_sum_assignment(cost)
    moved = [(int(a), int(b)) for a, b in zip(rows, columns) if a != b and cost[a, b] < 0.75 * cost[a, a]]
    names = [motion.sites[k] for k in alive]
    pairs = dict(moved)
    swapped = [(a, b) for a, b in moved if pairs.get(b) == a and a < b]
    sides = [(a, b) for a, b in swapped if names[a].rpartition("_")[0] == names[b].rpartition("_")[0]]
    if len(sides) >= 3:
        lines.append("left and right are mirrored: " + ", ".join(names[a].rpartition("_")[0] for a, _ in sides) + " move on the other side")
        swapped = [p for p in swapped if p not in sides]
    lines += [f"{plain(names[a])} and {plain(names[b])} look swapped: each moves as the other should" for a, b in swapped]
    return lines
