"""What a relaxed face and a nod and shake of the head tell about eleven sensors that nobody placed with care.

Headings, neutral, the head's axes, biases and lever arms, from two spans of a take (docs/design.md, "Calibration"); whether front and
back, or two sites, were exchanged; and sentences for the user about all that was met.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from ..rates import FRAME_RATE
from . import drift, spans
from .kinematics import GRAVITY_UP, Calibration, head_acceleration_tensor, head_rotation, relative_acceleration
from .layout import Layout
from .signal import ImuSignal, select_sites
from .spans import Span

_UPPER_FACE_M = 0.0  # sites above this height move little with the face: they stand in for a lost ear sensor
_LOWER_WEIGHT = 0.1  # what the others count then
_LEVER_PRIOR_SD_M = 0.01  # sensors lie within this of the layout's places, mostly
_MAX_LEVER_SD_M = 0.02  # a lever that the turn tells to this is good for telling swapped sites
_CORRELATION_FACTOR = 6.0  # accelerations of neighbouring frames share their errors
_MAX_SWAP_RATIO, _MIN_SWAP_DISTANCE_M, _MAX_SWAP_RESIDUAL_M = (
    0.3,
    0.05,
    0.035,
)  # a swap must cut the squared distances so far; metres before, metres after
_MIN_PRESENT_SHARE = 0.6  # share of a span in which a site must be measured to be calibrated there


def calibrate(frames: ImuSignal, layout: Layout, neutral: Span | None = None, turn: Span | None = None) -> Calibration:
    """What the spans tell; `frames` are at FRAME_RATE with y up (`level`, `resample`). Raises InnerfaceError."""
    frames, notes = _known_sites(frames, layout)
    rows = len(frames.time)
    if rows < 2 * drift.SPAN_FRAMES:
        raise InnerfaceError(
            f"the take has only {rows / FRAME_RATE:.2f} s; calibration needs a relaxed face, a nod and a shake in it"
        )
    turn = _check_span(turn, rows, "turn") if turn else spans.find_turn(frames.rotation)
    neutral = _check_span(neutral, rows, "neutral") if neutral else spans.find_neutral(frames.rotation, turn)
    neutral_rows, turn_rows = _span_rows(neutral, rows), _span_rows(turn, rows)

    reference = frames.sites.index(layout.reference) if layout.reference in frames.sites else -1
    present_share = np.minimum(frames.present()[turn_rows].mean(0), frames.present()[neutral_rows].mean(0))
    if reference >= 0 and present_share[reference] < _MIN_PRESENT_SHARE:
        reference = -1
    positions = np.array([layout.positions[layout.sites.index(s)] for s in frames.sites])
    upper = np.where(positions[:, 1] > _UPPER_FACE_M, 1.0, _LOWER_WEIGHT)
    if reference < 0:
        notes.append(
            f"site {layout.reference} (behind the ear) is not measured while calibrating; the head's motion is taken from the upper face, "
            "so brows and head angles are less certain"
        )
    else:
        upper[reference] = 0.0
    lead_site = reference if reference >= 0 else int((present_share + (upper > 0.5)).argmax())

    heading, heading_note = _headings(frames, turn_rows, lead_site)
    unmeasured = [
        s for s in range(len(frames.sites)) if present_share[s] < _MIN_PRESENT_SHARE or not np.isfinite(heading[s])
    ]
    kept_sites = [s for s in range(len(frames.sites)) if s not in unmeasured or s == reference]
    if unmeasured:
        names = ", ".join(frames.sites[s] for s in unmeasured)
        notes.append(f"not measured in the neutral and turn spans, so left out: {names}")
    if not [s for s in kept_sites if s != reference]:
        raise InnerfaceError(
            "no face site is measured in both the neutral and the turn span; check the sensors and record again"
        )
    if heading_note is not None:
        notes.append(heading_note)
    frames = select_sites(frames, kept_sites)
    heading, positions, upper = heading[kept_sites], positions[kept_sites], upper[kept_sites]
    reference = kept_sites.index(reference) if reference in kept_sites else -1

    corrected = quat.multiply(quat.about_axis(1, heading), frames.rotation)
    neutral_rotations, head = _find_neutral_rotations(corrected, neutral_rows, reference, upper)
    notes += _neutral_movement_notes(corrected, neutral_rotations, neutral_rows, neutral, frames.sites)
    at_rest = quat.mean(head[neutral_rows])
    bias = _accelerometer_bias(frames, corrected, neutral_rows)
    axes, details = _find_head_axes(head, at_rest, turn_rows)
    notes += details
    calibration = Calibration(
        frames.sites,
        reference,
        heading,
        neutral_rotations,
        axes,
        at_rest,
        bias,
        np.zeros((len(kept_sites), 3)),
        False,
        upper,
        frames.linear,
        neutral,
        turn,
    )
    layout_levers = positions - layout.positions[layout.sites.index(layout.reference)]
    calibration = _fit_levers(calibration, frames, head, turn_rows, layout_levers, notes)
    if not calibration.renamed:
        return calibration
    details = "; ".join(f"{a} sits at {b}" for a, b in calibration.renamed.items())
    recalibrated = calibrate(
        replace(frames, sites=tuple(calibration.renamed.get(s, s) for s in frames.sites)), layout, neutral, turn
    )
    notes = [f"sites look swapped by how they swing in the nod and shake: {details}; they were renamed"]
    return replace(recalibrated, renamed=calibration.renamed, notes=(*notes, *recalibrated.notes))


def _known_sites(frames: ImuSignal, layout: Layout) -> tuple[ImuSignal, list[str]]:
    """The signal without sites that the layout does not know or that never sent anything, in the layout's order."""
    unknown = [s for s in frames.sites if s not in layout.sites]
    notes = [f"sites that layout '{layout.name}' does not know were left out: {', '.join(unknown)}"] if unknown else []
    alive = frames.present().any(0)
    dead = [s for k, s in enumerate(frames.sites) if not alive[k] and s in layout.sites]
    if dead:
        notes.append(f"sites that never sent anything: {', '.join(dead)}")
    missing = [s for s in layout.sites if s not in frames.sites and s != layout.reference]
    if missing:
        notes.append(f"sites of the layout that the take lacks: {', '.join(missing)}")
    kept_sites = [frames.sites.index(s) for s in layout.sites if s in frames.sites and s not in dead]
    if not [k for k in kept_sites if frames.sites[k] != layout.reference]:
        raise InnerfaceError(
            f"the take has no face site that layout '{layout.name}' knows; its sites are {', '.join(frames.sites[:12])}: "
            "rename them or give a layout of yours"
        )
    return select_sites(frames, kept_sites), notes


def _check_span(span: Span, rows: int, name: str) -> Span:
    end = (rows - 1) / FRAME_RATE
    if not 0 <= span[0] < span[1]:
        raise InnerfaceError(
            f"--{name} {span[0]:g}:{span[1]:g}: its end must come after its start, both in seconds from the first row"
        )
    if span[1] > end + 0.5:
        raise InnerfaceError(
            f"--{name} {span[0]:g}:{span[1]:g}: the take is only {end:.2f} s long; give seconds from its first row"
        )
    return span


def _span_rows(span: Span, rows: int) -> slice:
    first = min(round(span[0] * FRAME_RATE), rows - 2)
    return slice(first, min(max(round(span[1] * FRAME_RATE) + 1, first + 2), rows))


def _headings(frames: ImuSignal, turn_rows: slice, lead_site: int) -> tuple[np.ndarray, str | None]:
    """Headings (S,) rad that bring every site into the world of site `lead`: their turns about horizontal axes laid on its.

    A site that is missing in the turn is NaN. Raises InnerfaceError where the head was never nodded.
    """
    turn_vectors = drift.span_rotations(frames.rotation[turn_rows])
    if not len(turn_vectors):
        raise InnerfaceError(
            f"the turn span is shorter than {drift.SPAN_FRAMES / FRAME_RATE:g} s; it must hold a nod and a shake"
        )
    c = turn_vectors[..., 2] + 1j * turn_vectors[..., 0]
    known = ~np.isnan(c) & ~np.isnan(c[:, [lead_site]])
    c = np.where(known, c, 0)
    head = np.where(known, c[:, [lead_site]], 0)
    power = (np.abs(head) ** 2).sum(0)
    count = np.maximum(known.sum(0), 1)
    if np.degrees(np.sqrt(power[lead_site] / count[lead_site])) < 1.5:
        raise InnerfaceError(
            "the turn span holds no nod: headings need the chin to go down and up by ten degrees or more; record it again"
        )
    product = (head * c.conj()).sum(0)
    heading = np.where(np.abs(product) > 0, np.angle(product), np.nan)
    residual = power + (np.abs(c) ** 2).sum(0) - 2 * np.abs(product)
    poor_sites = [frames.sites[s] for s in range(len(frames.sites)) if power[s] > 0 and residual[s] > 0.3 * power[s]]
    return (
        heading,
        f"the face moved in the turn span at {', '.join(poor_sites)}; nod and shake with a relaxed face"
        if poor_sites
        else None,
    )


def _mean_without_outliers(q: np.ndarray) -> np.ndarray:
    """Mean rotation (..., 4) of q (T, ..., 4); samples far from it are left out of a second pass."""
    rough_mean = quat.mean(q)
    deviation = np.linalg.norm(quat.to_rotvec(quat.multiply(q, quat.conjugate(rough_mean))), axis=-1)
    limit = 3 * np.nanmedian(deviation, axis=0) + 1e-9
    return quat.mean(q, np.where(deviation <= limit, 1.0, 0.0))


def _find_neutral_rotations(
    corrected: np.ndarray, neutral_rows: slice, reference: int, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each site's orientation at rest seen from the reference (S, 4), and the reference's own orientation (T, 4).

    Taken on the relative rotation, so that a head that sways while relaxing does not leak in. Without a reference, the head is
    what the upper face agrees on, counted from its own rest.
    """
    if reference >= 0:
        neutral_rotations = _mean_without_outliers(
            quat.multiply(quat.conjugate(corrected[neutral_rows][:, [reference]]), corrected[neutral_rows])
        )
        neutral_rotations[reference] = [1.0, 0, 0, 0]
    else:
        neutral_rotations = _mean_without_outliers(corrected[neutral_rows])
        for _ in range(2):
            head = head_rotation(corrected[neutral_rows], neutral_rotations, reference, upper)[0]
            neutral_rotations = _mean_without_outliers(
                quat.multiply(quat.conjugate(head)[:, None], corrected[neutral_rows])
            )
    return neutral_rotations, head_rotation(corrected, neutral_rotations, reference, upper)[0]


def _neutral_movement_notes(
    corrected: np.ndarray, neutral_rotations: np.ndarray, neutral_rows: slice, span: Span, sites: tuple[str, ...]
) -> list[str]:
    """A note where the face was not relaxed: sites that turned against the head in the neutral span."""
    head = quat.mean(quat.multiply(corrected[neutral_rows], quat.conjugate(neutral_rotations)), axis=1)
    deviation = quat.to_rotvec(
        quat.multiply(
            quat.multiply(quat.conjugate(head)[:, None], corrected[neutral_rows]), quat.conjugate(neutral_rotations)
        )
    )
    sway = np.degrees(np.nanpercentile(np.linalg.norm(deviation, axis=-1), 90, axis=0))
    moving_sites = [sites[s] for s in range(len(sites)) if sway[s] > 4.0]
    if not moving_sites:
        return []
    return [
        f"the face moved in the neutral span {span[0]:.1f}:{span[1]:.1f} at {', '.join(moving_sites)}; give --neutral START:END of a relaxed face"
    ]


def _accelerometer_bias(frames: ImuSignal, corrected: np.ndarray, neutral_rows: slice) -> np.ndarray:
    """What each accelerometer adds at rest (S, 3), in its own frame."""
    expected = (
        0.0
        if frames.linear
        else quat.rotate(
            quat.conjugate(corrected[neutral_rows]),
            np.broadcast_to(GRAVITY_UP, frames.acceleration[neutral_rows].shape),
        )
    )
    return np.nan_to_num(np.nanmean(frames.acceleration[neutral_rows] - expected, axis=0))


def _find_head_axes(head: np.ndarray, at_rest: np.ndarray, turn_rows: slice) -> tuple[np.ndarray, list[str]]:
    """The rotation (4,) from the reference's frame to the head's axes: +X is what the head nods about (chin down first), +Y what it
    shakes about. Whether X and Z are turned about is checked later, by lever arms."""
    relative = quat.multiply(
        quat.conjugate(at_rest), head[turn_rows]
    )  # the head's turn, in the reference's frame at rest
    known_rows = np.flatnonzero(~np.isnan(relative).any(-1))
    if len(known_rows) < 5:
        raise InnerfaceError(
            "the nod and shake have no samples in them; record the take again, or name others with --turn START:END"
        )
    rotation_path = quat.to_rotvec(quat.multiply(relative, quat.conjugate(relative[known_rows[0]])))
    omega = spans.angular_rates(relative[:, None])[:, 0]
    omega = omega[~np.isnan(omega).any(-1)]
    up = quat.rotate(quat.conjugate(at_rest), np.array([0.0, 1.0, 0.0]))
    vertical_rate = omega @ up
    horizontal_rate = omega - vertical_rate[:, None] * up
    horizontal_power = (horizontal_rate**2).sum(1)

    def principal(rows: np.ndarray) -> np.ndarray:
        return np.linalg.eigh(rows.T @ rows)[1][:, -1]

    shaking = vertical_rate**2 > 2 * horizontal_power
    nodding = horizontal_power > 2 * vertical_rate**2
    x = principal(omega[nodding] if nodding.sum() > 5 else horizontal_rate)
    y = (
        principal(omega[shaking])
        if shaking.sum() > 5 and (vertical_rate[shaking] ** 2).sum() > 0.2 * horizontal_power.sum()
        else up
    )
    y = y * np.sign(y @ up)
    notes = []
    if y @ up < np.cos(np.radians(40.0)):
        notes.append("the head was shaken about an axis far from the vertical; its axes are taken from gravity")
        y = up
    nod_angle = rotation_path @ x
    first_swing = nod_angle[np.flatnonzero(np.abs(nod_angle) > 0.4 * np.nanmax(np.abs(nod_angle)))[0]]
    x = x * np.sign(first_swing)
    x = x - (x @ y) * y / 2  # both give way by half
    y = y - (x @ y) * x / (x @ x)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return quat.from_matrix(np.stack([x, y, np.cross(x, y)])), notes


def _fit_levers(
    calibration: Calibration,
    frames: ImuSignal,
    head: np.ndarray,
    turn_rows: slice,
    levers: np.ndarray,
    notes: list[str],
) -> Calibration:
    """Front and back checked, swapped sites named, levers kept where subtracting them helps: all by the turn's accelerations."""
    corrected = quat.multiply(quat.about_axis(1, calibration.heading), frames.rotation)
    tensor = head_acceleration_tensor(calibration, head[turn_rows])
    relative = relative_acceleration(
        calibration, corrected[turn_rows], frames.acceleration[turn_rows], head[turn_rows], tensor
    )
    centroid = (
        0.0 if calibration.reference >= 0 else (calibration.upper[:, None] * levers).sum(0) / calibration.upper.sum()
    )
    levers = levers - centroid
    relative = relative - np.nanmean(relative, axis=0)
    tensor = tensor - np.nanmean(tensor, axis=0)

    def left_over(lever_arms: np.ndarray, s: list[int]) -> float:
        return float(np.nansum((relative[:, s] - np.einsum("tij,sj->tsi", tensor, lever_arms[s])) ** 2))

    face = calibration.face_indices
    error_without_levers = left_over(np.zeros_like(levers), face)
    reversed_levers = levers * [-1.0, 1.0, -1.0]  # the same head, seen from behind
    if left_over(reversed_levers, face) < 0.8 * min(left_over(levers, face), error_without_levers):
        notes.append(
            "the nod began with the chin going up; front and back were told apart by the sensors' accelerations"
        )
        calibration = replace(calibration, axes=quat.multiply(quat.about_axis(1, np.pi), calibration.axes))
        relative, tensor = relative * [-1.0, 1.0, -1.0], tensor * np.outer([-1.0, 1.0, -1.0], [-1.0, 1.0, -1.0])
    fitted, unconstrained = levers.copy(), np.full_like(levers, np.nan)
    known_rows = ~np.isnan(tensor).any((1, 2))
    for s in face:
        usable = known_rows & ~np.isnan(relative[:, s]).any(-1)
        if usable.sum() < 10:
            continue  # what the layout says
        m, a = tensor[usable].reshape(-1, 3), relative[usable, s].reshape(-1)
        best = np.linalg.lstsq(m, a, rcond=None)[0]
        noise = _CORRELATION_FACTOR * float(((a - m @ best) ** 2).mean()) + 1e-9  # what levers do not explain
        normal, moment = m.T @ m / noise, m.T @ a / noise
        if np.linalg.eigvalsh(normal)[0] > 1 / _MAX_LEVER_SD_M**2:
            unconstrained[s] = best
        fitted[s] = np.linalg.solve(
            normal + np.eye(3) / _LEVER_PRIOR_SD_M**2, moment + levers[s] / _LEVER_PRIOR_SD_M**2
        )
    renamed = _swapped(calibration, unconstrained, levers)
    levers_help = left_over(fitted, face) < error_without_levers
    if frames.linear and levers_help:
        scale = float(
            np.nansum(unconstrained * levers) / max(np.nansum(np.where(np.isnan(unconstrained), 0, levers**2)), 1e-9)
        )
        if 0.07 < scale < 0.14:
            raise InnerfaceError(
                f"linear accelerations are {1 / scale:.0f} times too small for how the head turned: they look like g; multiply them by 9.80665"
            )
    return replace(calibration, levers=fitted + centroid, use_levers=levers_help, renamed=renamed, notes=tuple(notes))


def _swapped(calibration: Calibration, unconstrained: np.ndarray, levers: np.ndarray) -> dict[str, str]:
    """Sites whose accelerations in the turn (`free`: levers solved from them alone) say that they sit at another's place: name -> right name."""
    known = [s for s in calibration.face_indices if np.isfinite(unconstrained[s]).all()]
    if len(known) < 2:
        return {}
    common_offset = np.median(
        unconstrained[known] - levers[known], axis=0
    )  # the reference's own error moves all of them
    squared_distance = ((unconstrained[known][:, None] - common_offset - levers[known][None]) ** 2).sum(-1)
    rows, columns = linear_sum_assignment(np.minimum(squared_distance, 0.1**2))
    reassigned = [(known[a], known[b]) for a, b in zip(rows, columns) if a != b]
    swaps = [
        (a, b)
        for a, b in reassigned
        if squared_distance[known.index(a), known.index(a)] > _MIN_SWAP_DISTANCE_M**2
        and squared_distance[known.index(a), known.index(b)]
        < min(_MAX_SWAP_RESIDUAL_M**2, _MAX_SWAP_RATIO * squared_distance[known.index(a), known.index(a)])
    ]
    if {a for a, _ in swaps} != {b for _, b in swaps}:
        return {}
    return {calibration.sites[a]: calibration.sites[b] for a, b in swaps}
