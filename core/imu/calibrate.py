"""What a relaxed face and a nod and shake of the head tell about eleven sensors that nobody placed with care.

Headings, neutral, the head's axes, biases and lever arms, from two spans of a take (docs/design.md, "Calibration"); whether front and
back, or two sites, were exchanged; and sentences for the user about all that was met.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..errors import InnerfaceError
from . import drift, spans
from . import quaternion as quat
from .kinematics import GRAVITY_UP, Calibration, head_axes, head_rotation, relative_acceleration
from .layout import Layout
from .signal import FRAME_RATE, ImuSignal, pick
from .spans import Span

_UPPER_M = 0.0  # sites above this height move little with the face: they stand in for a lost ear sensor
_LOWER_WEIGHT = 0.1  # what the others count then
_LEVER_PRIOR_M = 0.01  # sensors lie within this of the layout's places, mostly
_LEVER_SURE_M = 0.02  # a lever that the turn tells to this is good for telling swapped sites
_CORRELATED = 6.0  # accelerations of neighbouring frames share their errors
_SWAP_GAIN, _SWAP_FAR, _SWAP_NEAR = 0.3, 0.05, 0.035  # a swap must cut the squared distances so far; metres before, metres after
_PRESENT = 0.6  # share of a span in which a site must be measured to be calibrated there


def calibrate(frames: ImuSignal, layout: Layout, neutral: Span | None = None, turn: Span | None = None) -> Calibration:
    """What the spans tell; `frames` are at FRAME_RATE with y up (`level`, `resample`). Raises InnerfaceError."""
    frames, notes = _known_sites(frames, layout)
    rows = len(frames.time)
    if rows < 2 * drift.SPAN:
        raise InnerfaceError(f"the take has only {rows / FRAME_RATE:.2f} s; calibration needs a relaxed face, a nod and a shake in it")
    turn = _inside(turn, rows, "turn") if turn else spans.find_turn(frames.rotation)
    neutral = _inside(neutral, rows, "neutral") if neutral else spans.find_neutral(frames.rotation, turn)
    rest, nod = _rows(neutral, rows), _rows(turn, rows)

    reference = frames.sites.index(layout.reference) if layout.reference in frames.sites else -1
    share = np.minimum(frames.present()[nod].mean(0), frames.present()[rest].mean(0))
    if reference >= 0 and share[reference] < _PRESENT:
        reference = -1
    positions = np.array([layout.positions[layout.sites.index(s)] for s in frames.sites])
    upper = np.where(positions[:, 1] > _UPPER_M, 1.0, _LOWER_WEIGHT)
    if reference < 0:
        notes.append(
            f"site {layout.reference} (behind the ear) is not measured while calibrating; the head's motion is taken from the upper face, "
            "so brows and head angles are less certain"
        )
    else:
        upper[reference] = 0.0
    lead = reference if reference >= 0 else int((share + (upper > 0.5)).argmax())

    heading, unsure = _headings(frames, nod, lead)
    late = [s for s in range(len(frames.sites)) if share[s] < _PRESENT or not np.isfinite(heading[s])]
    keep = [s for s in range(len(frames.sites)) if s not in late or s == reference]
    if late:
        names = ", ".join(frames.sites[s] for s in late)
        notes.append(f"not measured in the neutral and turn spans, so left out: {names}")
    if not [s for s in keep if s != reference]:
        raise InnerfaceError("no face site is measured in both the neutral and the turn span; check the sensors and record again")
    if unsure is not None:
        notes.append(unsure)
    frames = pick(frames, keep)
    heading, positions, upper = heading[keep], positions[keep], upper[keep]
    reference = keep.index(reference) if reference in keep else -1

    mended = quat.multiply(quat.about(1, heading), frames.rotation)
    zero, head = _neutral(mended, rest, reference, upper)
    notes += _restless(mended, zero, rest, neutral, frames.sites)
    at_rest = quat.mean(head[rest])
    bias = _bias(frames, mended, rest)
    axes, said = _axes(head, at_rest, nod)
    notes += said
    found = Calibration(
        frames.sites, reference, heading, zero, axes, at_rest, bias, np.zeros((len(keep), 3)), False, upper, frames.linear, neutral, turn
    )
    layout_levers = positions - layout.positions[layout.sites.index(layout.reference)]
    found = _levers(found, frames, head, nod, layout_levers, notes)
    if not found.renamed:
        return found
    said = "; ".join(f"{a} sits at {b}" for a, b in found.renamed.items())
    right = calibrate(replace(frames, sites=tuple(found.renamed.get(s, s) for s in frames.sites)), layout, neutral, turn)
    notes = [f"sites look swapped by how they swing in the nod and shake: {said}; they were renamed"]
    return replace(right, renamed=found.renamed, notes=(*notes, *right.notes))


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
    keep = [frames.sites.index(s) for s in layout.sites if s in frames.sites and s not in dead]
    if not [k for k in keep if frames.sites[k] != layout.reference]:
        raise InnerfaceError(
            f"the take has no face site that layout '{layout.name}' knows; its sites are {', '.join(frames.sites[:12])}: "
            "rename them or give a layout of yours"
        )
    return pick(frames, keep), notes


def _inside(span: Span, rows: int, name: str) -> Span:
    end = (rows - 1) / FRAME_RATE
    if not 0 <= span[0] < span[1]:
        raise InnerfaceError(f"--{name} {span[0]:g}:{span[1]:g}: its end must come after its start, both in seconds from the first row")
    if span[1] > end + 0.5:
        raise InnerfaceError(f"--{name} {span[0]:g}:{span[1]:g}: the take is only {end:.2f} s long; give seconds from its first row")
    return span


def _rows(span: Span, rows: int) -> slice:
    first = min(round(span[0] * FRAME_RATE), rows - 2)
    return slice(first, min(max(round(span[1] * FRAME_RATE) + 1, first + 2), rows))


def _headings(frames: ImuSignal, nod: slice, lead: int) -> tuple[np.ndarray, str | None]:
    """Headings (S,) rad that bring every site into the world of site `lead`: their turns about horizontal axes laid on its.

    A site that is missing in the turn is NaN. Raises InnerfaceError where the head was never nodded.
    """
    turn = drift.turns(frames.rotation[nod])
    if not len(turn):
        raise InnerfaceError(f"the turn span is shorter than {drift.SPAN / FRAME_RATE:g} s; it must hold a nod and a shake")
    c = turn[..., 2] + 1j * turn[..., 0]
    known = ~np.isnan(c) & ~np.isnan(c[:, [lead]])
    c = np.where(known, c, 0)
    head = np.where(known, c[:, [lead]], 0)
    power = (np.abs(head) ** 2).sum(0)
    count = np.maximum(known.sum(0), 1)
    if np.degrees(np.sqrt(power[lead] / count[lead])) < 1.5:
        raise InnerfaceError("the turn span holds no nod: headings need the chin to go down and up by ten degrees or more; record it again")
    product = (head * c.conj()).sum(0)
    heading = np.where(np.abs(product) > 0, np.angle(product), np.nan)
    rest = power + (np.abs(c) ** 2).sum(0) - 2 * np.abs(product)
    poor = [frames.sites[s] for s in range(len(frames.sites)) if power[s] > 0 and rest[s] > 0.3 * power[s]]
    return heading, f"the face moved in the turn span at {', '.join(poor)}; nod and shake with a relaxed face" if poor else None


def _mean_without_outliers(q: np.ndarray) -> np.ndarray:
    """Mean rotation (..., 4) of q (T, ..., 4); samples far from it are left out of a second pass."""
    first = quat.mean(q)
    off = np.linalg.norm(quat.to_rotvec(quat.multiply(q, quat.conjugate(first))), axis=-1)
    limit = 3 * np.nanmedian(off, axis=0) + 1e-9
    return quat.mean(q, np.where(off <= limit, 1.0, 0.0))


def _neutral(mended: np.ndarray, rest: slice, reference: int, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each site's orientation at rest seen from the reference (S, 4), and the reference's own orientation (T, 4).

    Taken on the relative rotation, so that a head that sways while relaxing does not leak in. Without a reference, the head is
    what the upper face agrees on, counted from its own rest.
    """
    if reference >= 0:
        zero = _mean_without_outliers(quat.multiply(quat.conjugate(mended[rest][:, [reference]]), mended[rest]))
        zero[reference] = [1.0, 0, 0, 0]
    else:
        zero = _mean_without_outliers(mended[rest])
        for _ in range(2):
            head = head_rotation(mended[rest], zero, reference, upper)[0]
            zero = _mean_without_outliers(quat.multiply(quat.conjugate(head)[:, None], mended[rest]))
    return zero, head_rotation(mended, zero, reference, upper)[0]


def _restless(mended: np.ndarray, zero: np.ndarray, rest: slice, span: Span, sites: tuple[str, ...]) -> list[str]:
    """A note where the face was not relaxed: sites that turned against the head in the neutral span."""
    head = quat.mean(quat.multiply(mended[rest], quat.conjugate(zero)), axis=1)
    moved = quat.to_rotvec(quat.multiply(quat.multiply(quat.conjugate(head)[:, None], mended[rest]), quat.conjugate(zero)))
    sway = np.degrees(np.nanpercentile(np.linalg.norm(moved, axis=-1), 90, axis=0))
    moving = [sites[s] for s in range(len(sites)) if sway[s] > 4.0]
    if not moving:
        return []
    return [
        f"the face moved in the neutral span {span[0]:.1f}:{span[1]:.1f} at {', '.join(moving)}; give --neutral START:END of a relaxed face"
    ]


def _bias(frames: ImuSignal, mended: np.ndarray, rest: slice) -> np.ndarray:
    """What each accelerometer adds at rest (S, 3), in its own frame."""
    expected = (
        0.0 if frames.linear else quat.rotate(quat.conjugate(mended[rest]), np.broadcast_to(GRAVITY_UP, frames.acceleration[rest].shape))
    )
    return np.nan_to_num(np.nanmean(frames.acceleration[rest] - expected, axis=0))


def _axes(head: np.ndarray, at_rest: np.ndarray, nod: slice) -> tuple[np.ndarray, list[str]]:
    """The rotation (4,) from the reference's frame to the head's axes: +X is what the head nods about (chin down first), +Y what it
    shakes about. Whether X and Z are turned about is checked later, by lever arms."""
    own = quat.multiply(quat.conjugate(at_rest), head[nod])  # the head's turn, in the reference's frame at rest
    known = np.flatnonzero(~np.isnan(own).any(-1))
    if len(known) < 5:
        raise InnerfaceError("the nod and shake have no samples in them; record the take again, or name others with --turn START:END")
    path = quat.to_rotvec(quat.multiply(own, quat.conjugate(own[known[0]])))
    omega = spans.rates(own[:, None])[:, 0]
    omega = omega[~np.isnan(omega).any(-1)]
    up = quat.rotate(quat.conjugate(at_rest), np.array([0.0, 1.0, 0.0]))
    along = omega @ up
    across = omega - along[:, None] * up
    flat = (across**2).sum(1)

    def principal(rows: np.ndarray) -> np.ndarray:
        return np.linalg.eigh(rows.T @ rows)[1][:, -1]

    shaking = along**2 > 2 * flat
    nodding = flat > 2 * along**2
    x = principal(omega[nodding] if nodding.sum() > 5 else across)
    y = principal(omega[shaking]) if shaking.sum() > 5 and (along[shaking] ** 2).sum() > 0.2 * flat.sum() else up
    y = y * np.sign(y @ up)
    notes = []
    if y @ up < np.cos(np.radians(40.0)):
        notes.append("the head was shaken about an axis far from the vertical; its axes are taken from gravity")
        y = up
    swing = path @ x
    first = swing[np.flatnonzero(np.abs(swing) > 0.4 * np.nanmax(np.abs(swing)))[0]]
    x = x * np.sign(first)
    x = x - (x @ y) * y / 2  # both give way by half
    y = y - (x @ y) * x / (x @ x)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return quat.from_matrix(np.stack([x, y, np.cross(x, y)])), notes


def _levers(found: Calibration, frames: ImuSignal, head: np.ndarray, nod: slice, levers: np.ndarray, notes: list[str]) -> Calibration:
    """Front and back checked, swapped sites named, levers kept where subtracting them helps: all by the turn's accelerations."""
    mended = quat.multiply(quat.about(1, found.heading), frames.rotation)
    swing = head_axes(found, head[nod])
    felt = relative_acceleration(found, mended[nod], frames.acceleration[nod], head[nod], swing)
    centre = 0.0 if found.reference >= 0 else (found.upper[:, None] * levers).sum(0) / found.upper.sum()
    levers = levers - centre
    felt = felt - np.nanmean(felt, axis=0)
    swing = swing - np.nanmean(swing, axis=0)

    def left_over(arms: np.ndarray, s: list[int]) -> float:
        return float(np.nansum((felt[:, s] - np.einsum("tij,sj->tsi", swing, arms[s])) ** 2))

    face = found.face
    plain = left_over(np.zeros_like(levers), face)
    about = levers * [-1.0, 1.0, -1.0]  # the same head, seen from behind
    if left_over(about, face) < 0.8 * min(left_over(levers, face), plain):
        notes.append("the nod began with the chin going up; front and back were told apart by the sensors' accelerations")
        found = replace(found, axes=quat.multiply(quat.about(1, np.pi), found.axes))
        felt, swing = felt * [-1.0, 1.0, -1.0], swing * np.outer([-1.0, 1.0, -1.0], [-1.0, 1.0, -1.0])
    solved, free = levers.copy(), np.full_like(levers, np.nan)
    turned = ~np.isnan(swing).any((1, 2))
    for s in face:
        ok = turned & ~np.isnan(felt[:, s]).any(-1)
        if ok.sum() < 10:
            continue  # what the layout says
        m, a = swing[ok].reshape(-1, 3), felt[ok, s].reshape(-1)
        best = np.linalg.lstsq(m, a, rcond=None)[0]
        noise = _CORRELATED * float(((a - m @ best) ** 2).mean()) + 1e-9  # what levers do not explain
        normal, moment = m.T @ m / noise, m.T @ a / noise
        if np.linalg.eigvalsh(normal)[0] > 1 / _LEVER_SURE_M**2:
            free[s] = best
        solved[s] = np.linalg.solve(normal + np.eye(3) / _LEVER_PRIOR_M**2, moment + levers[s] / _LEVER_PRIOR_M**2)
    renamed = _swapped(found, free, levers)
    useful = left_over(solved, face) < plain
    if frames.linear and useful:
        size = float(np.nansum(free * levers) / max(np.nansum(np.where(np.isnan(free), 0, levers**2)), 1e-9))
        if 0.07 < size < 0.14:
            raise InnerfaceError(
                f"linear accelerations are {1 / size:.0f} times too small for how the head turned: they look like g; multiply them by 9.80665"
            )
    return replace(found, levers=solved + centre, use_levers=useful, renamed=renamed, notes=tuple(notes))


def _swapped(found: Calibration, free: np.ndarray, levers: np.ndarray) -> dict[str, str]:
    """Sites whose accelerations in the turn (`free`: levers solved from them alone) say that they sit at another's place: name -> right name."""
    known = [s for s in found.face if np.isfinite(free[s]).all()]
    if len(known) < 2:
        return {}
    common = np.median(free[known] - levers[known], axis=0)  # the reference's own error moves all of them
    gap = ((free[known][:, None] - common - levers[known][None]) ** 2).sum(-1)
    rows, columns = linear_sum_assignment(np.minimum(gap, 0.1**2))
    moved = [(known[a], known[b]) for a, b in zip(rows, columns) if a != b]
    sure = [
        (a, b)
        for a, b in moved
        if gap[known.index(a), known.index(a)] > _SWAP_FAR**2
        and gap[known.index(a), known.index(b)] < min(_SWAP_NEAR**2, _SWAP_GAIN * gap[known.index(a), known.index(a)])
    ]
    if {a for a, _ in sure} != {b for _, b in sure}:
        return {}
    return {found.sites[a]: found.sites[b] for a, b in sure}
