"""Quality of a take's sensors, per site and in words, and a check of their placement.

Noise is measured in the neutral span, loss and drift in the whole take. A smile, raised brows and a dropped jaw rotate
each site in its own way on every face: a site that moves like another one is swapped with it.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..face.face_model import FaceModel
from ..numerics import quaternion as quat
from ..numerics.assignment import assign
from ..rates import FRAME_RATE
from .kinematics import Calibration, Motion
from .layout import Layout
from .signal import ImuSignal
from .skin import expression_rotations
from .spans import Span

# The actions of the placement check, which look alike on all faces.
ACTIONS: dict[str, dict[str, float]] = {
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
    "brows": {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
    "jaw": {"jawOpen": 0.7},
}
_MAX_NOISE_DEG, _MAX_NOISE_ACCEL = 0.6, 0.35  # rms of rapid changes at rest, degrees and m/s^2
_MAX_LOSS = 0.05  # share of samples
_MAX_DRIFT_DPM = 6.0  # degrees per minute
_MIN_LOOSE_STEP_DEG = 8.0  # step of one site's zero while the other sites keep theirs
_LOOSE_BLOCK_S, _MAX_LOOSE_CUTS = 1.0, 24  # length of blocks, and number of moments that are tried
_MIN_PUSH_DEG, _PUSH_S = 5.0, 0.6  # step of a corrected zero, faster than any drift
_MIN_ALIVE_DEG = 0.3  # a site that rotates by less in all three actions together is dead
_MAX_SWAP_RATIO = 0.75  # between the distances to the other site's motion and to its own
_MIN_MIRRORED_PAIRS = 3  # for the whole layout to be mirrored


@dataclass(frozen=True)
class SiteQuality:
    """Quality of one site over a take. The fields are keys of the JSON output, too.

    Attributes
    ----------
    site : id
    noise_deg, noise_accel : rms of rapid changes at rest, degrees and m/s^2
    still_deg : 95th percentile of the rotation from neutral in the neutral span, degrees
    drift_dpm : drift of the heading, degrees per minute
    loss : share of samples missing
    loose_s : when the sensor came loose or was pushed aside, s from the first row; None if it did not
    words : problems for the user; empty if there are none
    """

    site: str
    noise_deg: float
    noise_accel: float
    still_deg: float
    drift_dpm: float
    loss: float
    loose_s: float | None
    words: str


def site_label(site: str) -> str:
    """Label of a site in texts, such as `left buccinator` for `buccinator_left`."""
    name, _, side = site.rpartition("_")
    return f"{side} {name}" if side in ("left", "right") else site


def merge_messages(qualities: list[SiteQuality]) -> list[str]:
    """Messages of all sites, with equal problems of several sites in one; empty where there are none."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for q in qualities:
        if q.words:
            message = q.words[len(site_label(q.site)) + 1 :]
            groups.setdefault(re.sub(r"\d+", "", message), []).append((site_label(q.site), message))
    out: list[str] = []
    for entries in groups.values():
        is_every_sensor = len(entries) > 2 and len(entries) == len(qualities)
        names = "every sensor" if is_every_sensor else ", ".join(name for name, _ in entries)
        out.append(f"{names} {entries[0][1]}")
    return out


def report(
    signal: ImuSignal, calibration: Calibration, motion: Motion, *, report_losses: bool = True
) -> list[SiteQuality]:
    """Quality of every face site of a motion.

    `signal`: the take as it was sent; `report_losses`: whether lost samples are worth a message.
    """
    a, b = (round(s * FRAME_RATE) for s in calibration.neutral_span)
    sent_columns = {calibration.renamed.get(site, site): k for k, site in enumerate(signal.sites)}
    loss_shares = 1 - signal.present().mean(axis=0)
    minutes = max(len(motion.time) / FRAME_RATE / 60, 1e-3)
    out: list[SiteQuality] = []
    loose_times, pushed_times = find_loose_times(motion), find_pushed_times(motion)
    for k, site in enumerate(motion.sites):
        neutral_rotation, neutral_acceleration = motion.rotation[a : b + 1, k], motion.acceleration[a : b + 1, k]
        noise = float(np.degrees(_high_frequency_rms(neutral_rotation)))
        acceleration_noise = _high_frequency_rms(neutral_acceleration)
        stray = (
            float(np.degrees(cast(float, np.nanpercentile(np.linalg.norm(neutral_rotation, axis=-1), 95))))
            if len(neutral_rotation)
            else 0.0
        )
        heading = np.degrees(np.unwrap(np.nan_to_num(motion.heading[:, k])))
        drift = float(np.abs(heading[-1] - heading[0]) / minutes) if len(heading) else 0.0
        loss = float(loss_shares[sent_columns[site]])
        loose, pushed = loose_times[k], pushed_times[k]
        messages: list[str] = []
        if pushed is not None:
            messages.append(f"was pushed aside at {pushed:.0f} s, which is corrected: tape it again")
        elif loose is not None:
            messages.append(f"has come loose at {loose:.0f} s: tape it again")
        if noise > _MAX_NOISE_DEG or acceleration_noise > _MAX_NOISE_ACCEL:
            messages.append("is noisy: check the tape and the cable")
        if loss > _MAX_LOSS and report_losses:
            messages.append(f"loses {loss:.0%} of its samples: check the cable or the radio")
        if drift > _MAX_DRIFT_DPM:
            messages.append(f"drifts by {drift:.0f} degrees a minute: let it warm up, and calibrate again soon")
        out.append(
            SiteQuality(
                site,
                noise,
                acceleration_noise,
                stray,
                drift,
                loss,
                loose if pushed is None else pushed,
                f"{site_label(site)} {'; '.join(messages)}" if messages else "",
            )
        )
    return out


def _high_frequency_rms(values: Array) -> float:
    """Root mean square of the changes of values (T, 3) from frame to frame."""
    step: Array = np.diff(values, n=2, axis=0)
    return (
        float(np.sqrt(cast(float, np.nanmean((step**2).sum(-1))) / 6)) if len(step) and np.isfinite(step).any() else 0.0
    )


def find_pushed_times(motion: Motion) -> list[float | None]:
    """When each site's zero made a step, since its sensor was pushed aside, s from the first row; else None."""
    span = round(_PUSH_S * FRAME_RATE)
    zero = quat.from_rotvec(motion.zero)
    step = quat.to_rotvec(quat.multiply(zero[span:], quat.conjugate(zero[:-span])))
    is_step = cast(Array, np.linalg.norm(step, axis=-1)) > np.radians(_MIN_PUSH_DEG)
    return [float(np.argmax(column) + span) / FRAME_RATE if column.any() else None for column in is_step.T]


def find_loose_times(motion: Motion) -> list[float | None]:
    """When each site came loose, s from the first row: it moved away for good while others did not. Else None."""
    window = int(_LOOSE_BLOCK_S * FRAME_RATE)
    blocks, count = len(motion.time) // window, len(motion.sites)
    times: list[float | None] = [None] * count
    if blocks < 8 or count < 2:
        return times
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # blocks without samples
        medians = np.nanmedian(motion.rotation[: blocks * window].reshape(blocks, window, count, 3), axis=1)
        for cut in np.unique(np.linspace(4, blocks - 3, _MAX_LOOSE_CUTS).astype(int)):
            before, after = np.nanmedian(medians[:cut], axis=0), np.nanmedian(medians[cut:], axis=0)
            step: Array = np.linalg.norm(after - before, axis=-1)
            typical_step = float(np.nanmedian(step))
            spread = np.nanmedian(np.linalg.norm(medians[cut:] - after, axis=-1), axis=0)
            distance = np.nan_to_num(np.linalg.norm(medians[cut:] - before, axis=-1), nan=np.inf)
            nearest = np.percentile(distance, 5, axis=0)
            # a performing face returns to where it was; a loose sensor does not
            for k in np.flatnonzero(
                (nearest > np.radians(_MIN_LOOSE_STEP_DEG)) & (step > 3 * typical_step) & (spread < step)
            ):
                times[k] = float(cut) * _LOOSE_BLOCK_S if times[k] is None else times[k]
    return times


def action_signatures(face: FaceModel, layout: Layout, sites: tuple[str, ...]) -> dict[str, Array]:
    """Rotation vectors (F, 3) of the sites on a face, by action."""
    weights = np.zeros((len(ACTIONS), len(ARKIT)))
    for row, apex in enumerate(ACTIONS.values()):
        for channel, value in apex.items():
            weights[row, ARKIT.index(channel)] = value
    index = [layout.sites.index(s) for s in sites]
    return dict(zip(ACTIONS, expression_rotations(face, layout, weights)[:, index]))


def check_placement(motion: Motion, performed: dict[str, Span], expected: dict[str, Array]) -> list[str]:
    """Messages about sites that are dead, swapped or mirrored; empty where every site moves as its name says.

    Raises InnerfaceError for a span without samples or an unknown action.

    Parameters
    ----------
    motion : of the take
    performed : span of each action, s from the first row
    expected : `action_signatures` of the motion's sites
    """
    observed: list[Array] = []
    modelled: list[Array] = []
    for action, span in performed.items():
        if action not in ACTIONS:
            raise InnerfaceError(f"'{action}' is not an action of the check; give one of {', '.join(ACTIONS)}")
        section = motion.rotation[max(int(span[0] * FRAME_RATE), 0) : int(span[1] * FRAME_RATE) + 1]
        if not len(section) or np.isnan(section).all():
            raise InnerfaceError(
                f"{action}: no samples from {span[0]:.4g} to {span[1]:.4g} s; "
                "give seconds from the take's first row, or run the check again"
            )
        size = np.nansum(np.linalg.norm(section, axis=-1), axis=1)
        apex = np.nan_to_num(section[size >= np.percentile(size, 75)])
        observed.append(apex.mean(axis=0))
        modelled.append(expected[action])
    measured, model = np.concatenate(observed, axis=1), np.concatenate(modelled, axis=1)  # (F, 3 per action)
    strength: Array = np.degrees(np.linalg.norm(measured, axis=1))
    messages = [
        f"{site_label(motion.sites[int(k)])} does not move at all: it is dead or off the skin"
        for k in np.flatnonzero(strength < _MIN_ALIVE_DEG)
    ]
    alive = np.flatnonzero(strength >= _MIN_ALIVE_DEG)
    if len(alive) < 2:
        return messages
    size_ratio: Array = np.linalg.norm(measured[alive], axis=1) / np.maximum(np.linalg.norm(model[alive], axis=1), 1e-9)
    scale = float(np.median(size_ratio))
    distance: Array = np.linalg.norm(measured[alive][:, None] - scale * model[alive][None], axis=-1)
    norm = np.maximum(np.linalg.norm(measured[alive], axis=1)[:, None], np.radians(1.0))
    cost: Array = np.minimum(distance / norm, 2.0)
    reassigned = [(a, b) for a, b in assign(cost) if a != b and cost[a, b] < _MAX_SWAP_RATIO * cost[a, a]]
    names = [motion.sites[int(k)] for k in alive]
    pairs = dict(reassigned)
    swapped = [(a, b) for a, b in reassigned if pairs.get(b) == a and a < b]
    mirrored = [(a, b) for a, b in swapped if names[a].rpartition("_")[0] == names[b].rpartition("_")[0]]
    if len(mirrored) >= _MIN_MIRRORED_PAIRS:
        messages.append(
            "left and right are mirrored: "
            + ", ".join(names[a].rpartition("_")[0] for a, _ in mirrored)
            + " move on the other side"
        )
        swapped = [p for p in swapped if p not in mirrored]
    messages += [
        f"{site_label(names[a])} and {site_label(names[b])} look swapped: each moves as the other should"
        for a, b in swapped
    ]
    return messages
