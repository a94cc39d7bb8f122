"""Calibration of sensors on a face from a span with a relaxed face, and one with a nod and a shake of the head.

Finds headings, neutral orientations, the head's axes, biases and lever arms (docs/methods.md,
"IMU calibration"), and notes problems for the user. A take without a nod and shake shows the headings and the face's
direction less surely, by its ordinary motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from ..rates import FRAME_RATE
from . import drift, spans
from .face_direction import find_face_direction
from .kinematics import GRAVITY_UP, Calibration, face_rotation, head_rotation
from .layout import Layout
from .levers import fit_levers, varying_accelerations
from .signal import ImuSignal, select_sites
from .spans import Span

_UPPER_FACE_M = 0.0  # sites above this height move little with the face: they replace a lost sensor behind the ear
_LOWER_WEIGHT = 0.1  # of the other sites then
_MIN_PRESENT_SHARE = 0.6  # of a span in which a site must be measured to be calibrated
_MIN_NOD_DEG = 1.5  # root mean square rotation within drift.SPAN_FRAMES
_MAX_MOVING_SHARE = 0.15  # of the sites that a nod may turn otherwise than the head
_MIN_TURN_DEG = 0.3  # the same for ordinary motion, of which there is much
_MAX_HEADING_RESIDUAL = 0.3  # share of a site's rotation in the turn span that its heading does not explain
_MAX_SWAY_DEG = 4.0  # of a relaxed face
_MAX_SHAKE_TILT_DEG = 40.0  # of the shake's axis from the vertical
_AXIS_RATIO = 2.0  # between squared rates of frames that show one axis only
_MIN_AXIS_FRAMES, _MIN_SHAKE_POWER = 5, 0.2  # for an axis to be taken from the rates; power relative to the nod's


def calibrate(
    frames: ImuSignal,
    layout: Layout,
    neutral: Span | None = None,
    *,
    turn: Span | None = None,
    needs_nod: bool = False,
) -> Calibration:
    """Calibrate sensors from two spans, which are searched where they are not given. Raises InnerfaceError.

    Parameters
    ----------
    frames : at FRAME_RATE, in the convention of `convention.fix_conventions`
    layout : sites of the sensors
    neutral, turn : s from the first row
    needs_nod : raise NoTurnError where there is no nod and shake, instead of taking ordinary motion
    """
    frames, notes = _known_sites(frames, layout)
    rows = len(frames.time)
    if rows < 2 * drift.SPAN_FRAMES:
        raise InnerfaceError(
            f"the take has only {rows / FRAME_RATE:.2f} s; calibration needs a relaxed face, a nod and a shake in it"
        )
    neutral = _check_span(neutral, rows, "neutral") if neutral else None
    if turn:
        turn = _check_span(turn, rows, "turn")
        choices = [_Spans(neutral or spans.find_neutral(frames.rotation, turn), turn)]
    else:
        choices = _find_spans(frames, layout, neutral, needs_nod=needs_nod)
    try:
        return _calibrate_spans(frames, layout, choices[0], notes=notes)
    except InnerfaceError:
        if len(choices) == 1:
            raise
        return _calibrate_spans(frames, layout, choices[1], notes=notes)


@dataclass(frozen=True)
class _Spans:
    """The relaxed face, and a nod and shake or, if not `nodded`, ordinary motion; s from the first row."""

    neutral: Span
    turn: Span
    nodded: bool = True


def _calibrate_spans(frames: ImuSignal, layout: Layout, chosen: _Spans, *, notes: list[str]) -> Calibration:
    """Calibrate from the spans. Raises InnerfaceError."""
    rows, neutral, turn, nodded = len(frames.time), chosen.neutral, chosen.turn, chosen.nodded
    notes = [*notes, *([] if nodded else [_no_nod_note(neutral)])]
    neutral_rows, turn_rows = _span_rows(neutral, rows), _span_rows(turn, rows)

    reference = frames.sites.index(layout.reference) if layout.reference in frames.sites else -1
    present_share = np.minimum(frames.present()[turn_rows].mean(0), frames.present()[neutral_rows].mean(0))
    if reference >= 0 and present_share[reference] < _MIN_PRESENT_SHARE:
        reference = -1
    positions = np.array([layout.positions[layout.sites.index(s)] for s in frames.sites])
    upper = np.where(positions[:, 1] > _UPPER_FACE_M, 1.0, _LOWER_WEIGHT)
    if reference < 0:
        notes.append(
            f"site {layout.reference} (behind the ear) is missing during calibration; the head's motion is taken "
            "from the upper face, so brows and head angles are less certain"
        )
    else:
        upper[reference] = 0.0
    lead_site = reference if reference >= 0 else int((present_share + (upper > 0.5)).argmax())

    heading, heading_note = _headings(frames, turn_rows, lead_site, nodded=nodded)
    unmeasured = [
        s for s in range(len(frames.sites)) if present_share[s] < _MIN_PRESENT_SHARE or not np.isfinite(heading[s])
    ]
    kept_sites = [s for s in range(len(frames.sites)) if s not in unmeasured or s == reference]
    if unmeasured:
        names = ", ".join(frames.sites[s] for s in unmeasured)
        notes.append(f"sites left out, because they are missing in the neutral and turn spans: {names}")
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
    neutral_rotations, head = _find_neutral_rotations(corrected, neutral_rows, reference, upper=upper)
    notes += _neutral_movement_notes(corrected, neutral_rotations, neutral_rows, span=neutral, sites=frames.sites)
    at_rest = quat.mean(head[neutral_rows])
    bias = _accelerometer_bias(frames, corrected, neutral_rows)
    axes = at_rest  # the world's, which are upright and look anywhere
    if nodded:
        axes, details = _find_head_axes(head, at_rest, turn_rows)
        notes += details
    calibration = Calibration(
        sites=frames.sites,
        reference=reference,
        heading=heading,
        neutral=neutral_rotations,
        axes=axes,
        at_rest=at_rest,
        bias=bias,
        levers=np.zeros((len(kept_sites), 3)),
        use_levers=False,
        upper=upper,
        linear=frames.linear,
        neutral_span=neutral,
        turn_span=turn,
        notes=tuple(notes),
    )
    layout_levers = positions - layout.positions[layout.sites.index(layout.reference)]
    if not nodded:
        return _turn_to_face(calibration, frames, layout, head=head, corrected=corrected, levers=layout_levers)
    calibration = fit_levers(calibration, frames, head, turn_rows=turn_rows, levers=layout_levers)
    if not calibration.renamed:
        return calibration
    details = "; ".join(f"{a} sits at {b}" for a, b in calibration.renamed.items())
    recalibrated = calibrate(
        replace(frames, sites=tuple(calibration.renamed.get(s, s) for s in frames.sites)), layout, neutral, turn=turn
    )
    notes = [f"sites look swapped by their motion in the nod and shake: {details}; they were renamed"]
    return replace(recalibrated, renamed=calibration.renamed, notes=(*notes, *recalibrated.notes))


def _find_spans(frames: ImuSignal, layout: Layout, neutral: Span | None, *, needs_nod: bool) -> list[_Spans]:
    """The best choice, and perhaps one for where that fails. Raises InnerfaceError where there is none.

    A turn of the head in which more of the face moves than in any nod is most likely none.
    """

    def ordinary() -> list[_Spans]:
        found = None if needs_nod else spans.find_ordinary_motion(frames.rotation, neutral)
        return [] if found is None else [_Spans(*found, nodded=False)]

    try:
        turn = spans.find_turn(frames.rotation)
        nod = _Spans(neutral or spans.find_neutral(frames.rotation, turn), turn)
    except InnerfaceError:
        if not (choices := ordinary()):
            raise
        return choices
    lead_site = frames.sites.index(layout.reference) if layout.reference in frames.sites else 0
    fit = _fit_headings(frames.rotation[_span_rows(turn, len(frames.time))], lead_site)
    return [*ordinary(), nod] if fit.moving.mean() > _MAX_MOVING_SHARE else [nod]


def _no_nod_note(neutral: Span) -> str:
    return (
        "no nod and shake of the head was found: the sensors' headings and the face's direction are estimated from "
        f"ordinary motion, and the relaxed face from {neutral[0]:.1f}:{neutral[1]:.1f} s (--neutral START:END gives "
        "another one); a nod and a shake with a relaxed face make both surer"
    )


def _turn_to_face(
    calibration: Calibration, frames: ImuSignal, layout: Layout, *, head: Array, corrected: Array, levers: Array
) -> Calibration:
    """Complete a calibration whose axes are upright, but look anywhere, by the face's own motion."""
    rows = _span_rows(calibration.turn_span, len(frames.time))
    face = calibration.face_indices
    relative, tensor = varying_accelerations(calibration, frames, head, rows=rows)
    direction = find_face_direction(
        face_rotation(calibration, corrected[rows], head[rows]),
        calibration.face_sites,
        layout,
        relative=relative[:, face],
        tensor=tensor,
        levers=levers[face],
    )
    axes = quat.multiply(quat.about_axis(1, np.array(direction)), calibration.axes)
    return replace(calibration, axes=axes, levers=levers)


def _known_sites(frames: ImuSignal, layout: Layout) -> tuple[ImuSignal, list[str]]:
    """Select the sites that the layout knows and that have samples, in the layout's order, with notes."""
    unknown = [s for s in frames.sites if s not in layout.sites]
    notes = (
        [f"sites left out, because layout '{layout.name}' does not know them: {', '.join(unknown)}"] if unknown else []
    )
    alive = frames.present().any(0)
    dead = [s for k, s in enumerate(frames.sites) if not alive[k] and s in layout.sites]
    if dead:
        notes.append(f"sites without any sample: {', '.join(dead)}")
    missing = [s for s in layout.sites if s not in frames.sites and s != layout.reference]
    if missing:
        notes.append(f"sites of the layout that the take lacks: {', '.join(missing)}")
    kept_sites = [frames.sites.index(s) for s in layout.sites if s in frames.sites and s not in dead]
    if not [k for k in kept_sites if frames.sites[k] != layout.reference]:
        raise InnerfaceError(
            f"the take has no face site of layout '{layout.name}', but {', '.join(frames.sites[:12])}; "
            "rename them, or give another layout"
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


def _headings(frames: ImuSignal, turn_rows: slice, lead_site: int, *, nodded: bool) -> tuple[Array, str | None]:
    """Headings (S,) rad that rotate every site's world into that of `lead_site`, by the turn span.

    NaN for sites that are missing in the turn span. The second result notes sites that moved otherwise in a nod. Raises
    InnerfaceError where the head turns too little.
    """
    fit = _fit_headings(frames.rotation[turn_rows], lead_site)
    if nodded and fit.turn_deg < _MIN_NOD_DEG:
        raise InnerfaceError("the turn span holds no nod; nod by ten degrees or more, and record it again")
    if fit.turn_deg < _MIN_TURN_DEG:
        raise InnerfaceError(
            "there is no nod and shake of the head in the take, and the head is too still without; "
            "record again: relax, nod, shake the head, then perform"
        )
    poor_sites = [site for site, moves in zip(frames.sites, fit.moving) if moves and nodded]
    return (
        fit.heading,
        f"the face moved in the turn span at {', '.join(poor_sites)}; nod and shake with a relaxed face"
        if poor_sites
        else None,
    )


@dataclass(frozen=True)
class _HeadingFit:
    """Headings (S,) rad, NaN where unknown; sites `moving` (S,) otherwise than the head; its turn, rms degrees."""

    heading: Array
    moving: Array
    turn_deg: float


def _fit_headings(rotation: Array, lead_site: int) -> _HeadingFit:
    """Fit headings to rotations (T, S, 4) of the turn span. Raises InnerfaceError where it is too short."""
    turn_vectors = drift.span_rotations(rotation)
    if not len(turn_vectors):
        raise InnerfaceError(
            f"the turn span is shorter than {drift.SPAN_FRAMES / FRAME_RATE:g} s; it must hold a nod and a shake"
        )
    c = turn_vectors[..., 2] + 1j * turn_vectors[..., 0]
    known = ~np.isnan(c) & ~np.isnan(c[:, [lead_site]])
    c = np.where(known, c, 0)
    head = np.where(known, c[:, [lead_site]], 0)
    power = (np.abs(head) ** 2).sum(0)
    count: Array = np.maximum(known.sum(0), 1)
    product = (head * c.conj()).sum(0)
    residual = power + (np.abs(c) ** 2).sum(0) - 2 * np.abs(product)
    return _HeadingFit(
        np.where(np.abs(product) > 0, cast(Array, np.angle(product)), np.nan),
        (power > 0) & (residual > _MAX_HEADING_RESIDUAL * power),
        float(np.degrees(np.sqrt(power[lead_site] / count[lead_site]))),
    )


def _mean_without_outliers(q: Array) -> Array:
    """Mean rotation (..., 4) of q (T, ..., 4), without samples that are far from a first mean."""
    rough_mean = quat.mean(q)
    deviation = np.linalg.norm(quat.to_rotvec(quat.multiply(q, quat.conjugate(rough_mean))), axis=-1)
    limit = 3 * np.nanmedian(deviation, axis=0) + 1e-9
    return quat.mean(q, np.where(deviation <= limit, 1.0, 0.0))


def _find_neutral_rotations(
    corrected: Array, neutral_rows: slice, reference: int, *, upper: Array
) -> tuple[Array, Array]:
    """Each site's orientation at rest relative to the reference (S, 4), and the reference's orientation (T, 4).

    Relative orientations are averaged, so that sway of the head has no influence. Without a reference, the head is what
    the upper face agrees on, relative to its own rest.
    """
    if reference >= 0:
        neutral_rotations = _mean_without_outliers(
            quat.multiply(quat.conjugate(corrected[neutral_rows][:, [reference]]), corrected[neutral_rows])
        )
        neutral_rotations[reference] = [1.0, 0, 0, 0]
    else:
        neutral_rotations = _mean_without_outliers(corrected[neutral_rows])
        for _ in range(2):
            head = head_rotation(corrected[neutral_rows], neutral=neutral_rotations, reference=reference, upper=upper)[
                0
            ]
            neutral_rotations = _mean_without_outliers(
                quat.multiply(quat.conjugate(head)[:, None], corrected[neutral_rows])
            )
    return neutral_rotations, head_rotation(corrected, neutral=neutral_rotations, reference=reference, upper=upper)[0]


def _neutral_movement_notes(
    corrected: Array, neutral_rotations: Array, neutral_rows: slice, *, span: Span, sites: tuple[str, ...]
) -> list[str]:
    """A note about sites that moved relative to the head in the neutral span, where the face was not relaxed."""
    head = quat.mean(quat.multiply(corrected[neutral_rows], quat.conjugate(neutral_rotations)), axis=1)
    deviation = quat.to_rotvec(
        quat.multiply(
            quat.multiply(quat.conjugate(head)[:, None], corrected[neutral_rows]), quat.conjugate(neutral_rotations)
        )
    )
    sway = np.degrees(np.nanpercentile(np.linalg.norm(deviation, axis=-1), 90, axis=0))
    moving_sites = [sites[s] for s in range(len(sites)) if sway[s] > _MAX_SWAY_DEG]
    if not moving_sites:
        return []
    return [
        f"the face moved in the neutral span {span[0]:.1f}:{span[1]:.1f} at {', '.join(moving_sites)}; "
        "give --neutral START:END of a relaxed face"
    ]


def _accelerometer_bias(frames: ImuSignal, corrected: Array, neutral_rows: slice) -> Array:
    """Accelerometer biases (S, 3), in the sensors' frames, from the neutral span."""
    expected = (
        0.0
        if frames.linear
        else quat.rotate(
            quat.conjugate(corrected[neutral_rows]),
            np.broadcast_to(GRAVITY_UP, frames.acceleration[neutral_rows].shape),
        )
    )
    return np.nan_to_num(np.nanmean(frames.acceleration[neutral_rows] - expected, axis=0))


def _find_head_axes(head: Array, at_rest: Array, turn_rows: slice) -> tuple[Array, list[str]]:
    """Rotation (4,) from the reference's frame to the head's axes, with notes.

    +X is the axis of the nod (chin down first), +Y that of the shake. `fit_levers` checks front and back.
    """
    relative = quat.multiply(quat.conjugate(at_rest), head[turn_rows])  # in the reference's frame at rest
    known_rows = np.flatnonzero(~np.isnan(relative).any(-1))
    if len(known_rows) < 5:
        raise InnerfaceError(
            "the nod and shake hold no samples; record the take again, or give another span with --turn START:END"
        )
    rotation_path = quat.to_rotvec(quat.multiply(relative, quat.conjugate(relative[known_rows[0]])))
    omega = spans.angular_rates(relative[:, None])[:, 0]
    omega = omega[~np.isnan(omega).any(-1)]
    up = quat.rotate(quat.conjugate(at_rest), np.array([0.0, 1.0, 0.0]))
    vertical_rate = omega @ up
    horizontal_rate = omega - vertical_rate[:, None] * up
    horizontal_power = (horizontal_rate**2).sum(1)

    def principal(rows: Array) -> Array:
        return np.linalg.eigh(rows.T @ rows)[1][:, -1]

    shaking = vertical_rate**2 > _AXIS_RATIO * horizontal_power
    nodding = horizontal_power > _AXIS_RATIO * vertical_rate**2
    x = principal(omega[nodding] if nodding.sum() > _MIN_AXIS_FRAMES else horizontal_rate)
    y = (
        principal(omega[shaking])
        if shaking.sum() > _MIN_AXIS_FRAMES
        and (vertical_rate[shaking] ** 2).sum() > _MIN_SHAKE_POWER * horizontal_power.sum()
        else up
    )
    y = y * np.sign(y @ up)
    notes: list[str] = []
    if y @ up < np.cos(np.radians(_MAX_SHAKE_TILT_DEG)):
        notes.append("the axis of the head's shake is far from the vertical; the head's axes are taken from gravity")
        y = up
    nod_angle = rotation_path @ x
    first_swing = nod_angle[np.flatnonzero(np.abs(nod_angle) > 0.4 * np.nanmax(np.abs(nod_angle)))[0]]
    x = x * np.sign(first_swing)
    x = x - (x @ y) * y / 2  # both are corrected by half
    y = y - (x @ y) * x / (x @ x)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return quat.from_matrix(np.stack([x, y, np.cross(x, y)])), notes
