"""Parts of the bundled head other than skin: eyes, ears, teeth, gums, tongue, brows and lashes.

Each part is (vertices (N, 3) in mm, quads (F, 4)) of the left side or of the middle; `generate` mirrors and binds them.
"""

from __future__ import annotations

import itertools

import numpy as np

from ....core.arrays import Array
from . import surface

PartMesh = tuple[Array, Array]


def unit_disc(n: int) -> tuple[Array, Array, Array]:
    """Quads on the unit disc without a pole: points ((n+1)^2, 2), quads, and the border loop counter-clockwise."""
    u, v = np.meshgrid(np.linspace(-1, 1, n + 1), np.linspace(-1, 1, n + 1), indexing="ij")
    points = np.stack([u * np.sqrt(1 - v * v / 2), v * np.sqrt(1 - u * u / 2)], axis=-1).reshape(-1, 2)
    vertex_index = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    quads = np.stack(
        [vertex_index[:-1, :-1], vertex_index[1:, :-1], vertex_index[1:, 1:], vertex_index[:-1, 1:]], axis=-1
    ).reshape(-1, 4)
    loop = np.concatenate(
        [vertex_index[:-1, 0], vertex_index[-1, :-1], vertex_index[:0:-1, -1], vertex_index[0, :0:-1]]
    )
    return points, quads, loop


def _quads_between_loops(loops: list[Array]) -> Array:
    """Quads between consecutive loops of equal length (each an array of vertex numbers)."""
    out = [np.stack([a, np.roll(a, -1), np.roll(b, -1), b], axis=1) for a, b in itertools.pairwise(loops)]
    return np.concatenate(out)


def eye() -> tuple[Array, Array, Array]:
    """Left eyeball: vertices, quads and a band per quad (0 pupil, 1 iris, 2 limbus, 3 sclera). The gaze is +Z."""
    cells = 6
    disc, cap_quads, loop = unit_disc(cells)
    polar = np.radians([12.0, 13.5, 20.0, 27.0, 28.5, 31.5, 38, 50, 65, 80, 97, 116, 136, 155])
    around = np.arctan2(disc[loop, 1], disc[loop, 0])
    front = np.linalg.norm(disc, axis=1) * polar[0]
    angle = np.arctan2(disc[:, 1], disc[:, 0])
    points = [np.stack([np.sin(front) * np.cos(angle), np.sin(front) * np.sin(angle), np.cos(front)], axis=1)]
    loops, bands = [loop], [np.zeros(len(cap_quads))]
    for k, theta in enumerate(polar[1:], start=1):
        loops.append(np.arange(len(around)) + sum(len(x) for x in points))
        points.append(
            np.stack(
                [np.sin(theta) * np.cos(around), np.sin(theta) * np.sin(around), np.full_like(around, np.cos(theta))],
                axis=1,
            )
        )
        bands.append(np.full(len(around), 0 if k <= 1 else 1 if k <= 3 else 2 if k <= 5 else 3))
    rear = np.radians(180) - np.linalg.norm(disc, axis=1) * (np.radians(180) - polar[-1])
    rear_start = sum(len(x) for x in points)
    interior = np.setdiff1d(np.arange(len(disc)), loop)
    vertex_index = np.empty(len(disc), dtype=int)
    vertex_index[interior] = rear_start + np.arange(len(interior))
    vertex_index[loop] = loops[-1]
    points.append(
        np.stack([np.sin(rear) * np.cos(angle), np.sin(rear) * np.sin(angle), np.cos(rear)], axis=1)[interior]
    )
    unit_points = np.concatenate(points)
    quads = np.concatenate([cap_quads, _quads_between_loops(loops)[:, ::-1], vertex_index[cap_quads][:, ::-1]])
    bands.append(np.full(len(cap_quads), 3))
    theta = np.arccos(np.clip(unit_points[:, 2], -1, 1))
    bulge = 0.5 * np.clip(1 - (theta / np.radians(29.0)) ** 2, 0, None)  # the cornea
    return (
        surface.EYE_CENTRE + unit_points * (surface.EYE_RADIUS + bulge)[:, None],
        quads,
        np.concatenate(bands).astype(int),
    )


def ear() -> PartMesh:
    """Left ear: a disc of quads with helix, antihelix and concha in relief, closed at the back."""
    disc, quads, loop = unit_disc(16)
    rho, phi = np.linalg.norm(disc, axis=1), np.arctan2(disc[:, 1], disc[:, 0])  # phi 0 points forward, pi/2 up

    def outline(angle: Array) -> Array:
        upwards, forward = np.sin(angle), np.cos(angle)
        width = (
            np.where(forward > 0, 12.0, 21.0)
            - 4.5 * np.clip(-upwards - 0.2, 0, 1)
            + 3.0 * np.clip(upwards, 0, 1) * (forward < 0)
        )
        height = np.where(upwards > 0, 33.0, 29.0)
        return 1.0 / np.sqrt((forward / width) ** 2 + (upwards / height) ** 2)

    def ridge(radius: float, width: float) -> Array:
        return np.exp(-(((rho - radius) / width) ** 2))

    rearward = 0.5 - 0.5 * np.cos(phi)
    upper = 0.5 + 0.5 * np.sin(phi)
    lobe = np.clip(-np.sin(phi) - 0.55, 0, 1) / 0.45
    height = 3.6 * ridge(0.93, 0.1) * (0.35 + 0.65 * np.maximum(rearward, upper)) * (1 - 0.75 * lobe)
    height += 2.6 * ridge(0.6, 0.14) * rearward * (1 - lobe) - 5.5 * ridge(0.0, 0.42) + 1.6 * lobe * ridge(0.75, 0.35)
    height += 3.0 * np.exp(-(((disc[:, 0] - 0.55) / 0.22) ** 2 + ((disc[:, 1] + 0.12) / 0.2) ** 2))  # tragus
    shrink = np.array([1.0, 0.93, 0.72, 0.5])
    level_heights = np.array([-1.6, -3.6, -7.0, -13.0])
    outlines, levels, loops = [disc * outline(phi)[:, None]], [height], [loop]
    for k in range(4):
        loops.append(np.arange(len(loop)) + len(disc) + k * len(loop))
        outlines.append(disc[loop] * (outline(phi[loop]) * shrink[k])[:, None])
        levels.append(np.full(len(loop), level_heights[k]))
    fore, up, outward = *np.concatenate(outlines).T, np.concatenate(levels)
    up = up + 0.06 * fore
    flare_angle, lean_angle = np.radians(24.0), np.radians(-12.0)
    z, x = (
        fore * np.cos(flare_angle) + outward * np.sin(flare_angle),
        -fore * np.sin(flare_angle) + outward * np.cos(flare_angle),
    )
    y, z = up * np.cos(lean_angle) - z * np.sin(lean_angle), up * np.sin(lean_angle) + z * np.cos(lean_angle)
    points = np.stack([x + 75.5, y + 18.0, z - 1.0], axis=1)
    rim_quads = _quads_between_loops(loops)
    return points, np.concatenate([quads[:, ::-1], rim_quads])


def _tube(path: Array, sections: Array) -> PartMesh:
    """A tube: `sections` (n, m, 3) rings along a path, both ends closed with quads (m even)."""
    n, m = sections.shape[:2]
    points = (path[:, None] + sections).reshape(-1, 3)
    loops = [np.arange(m) + k * m for k in range(n)]
    cap = np.array([[i, i + 1, m - 2 - i, m - 1 - i] for i in range(m // 2 - 1)])
    return points, np.concatenate([_quads_between_loops(loops), cap[:, ::-1], cap + (n - 1) * m])


def _dental_arch(s: Array, depth: float) -> tuple[Array, Array]:
    """Dental arch: points and outward normals in the horizontal plane; s runs from -1 (right) to 1 (left)."""
    x = 25.5 * np.sin(s * 1.35) / np.sin(1.35)
    z = depth - 0.0335 * x * x - 18.0 * np.abs(s) ** 5
    points = np.stack([x, np.zeros_like(x), z], axis=1)
    tangent = np.gradient(points, axis=0)
    normal = np.stack([-tangent[:, 2], np.zeros_like(x), tangent[:, 0]], axis=1)
    return points, normal / np.linalg.norm(normal, axis=1, keepdims=True)


def teeth(upper: bool) -> PartMesh:
    """One row of 14 teeth, as a tube whose outer face swells at every crown."""
    samples_per_tooth, count = 6, 14
    s = np.linspace(-1, 1, samples_per_tooth * count + 1)
    path, normal = _dental_arch(s, 104.2 if upper else 101.6)
    crown_profile = np.abs(np.sin((s + 1) / 2 * count * np.pi)) ** 0.35
    sign = -1.0 if upper else 1.0
    biting_edge = -36.2 if upper else -36.0
    root = -26.0 if upper else -45.0
    edge_height = (
        biting_edge - sign * (1 - crown_profile) * 1.3 + np.where(np.abs(np.abs(s) - 0.36) < 0.075, sign * 0.5, 0.0)
    )
    cross_section = [(-0.6, 0.0), (0.2, 0.4), (0.0, 1.0), (-2.6, 1.0), (-5.0, 0.7), (-5.4, 0.0)]
    outward = np.stack([o - (1 - crown_profile) * 0.9 * (o > -1) for o, _ in cross_section], axis=1)
    heights = np.stack([root + (edge_height - root) * f for _, f in cross_section], axis=1)
    sections = outward[:, :, None] * normal[:, None, :]
    sections[:, :, 1] = heights
    points, quads = _tube(path, sections)
    return points, quads if upper else quads[:, ::-1]


def gums(upper: bool) -> PartMesh:
    """Gum above (or below) a row of teeth."""
    s = np.linspace(-1, 1, 41)
    path, normal = _dental_arch(s, 104.2 if upper else 101.6)
    start, end = (-29.0, -17.5) if upper else (-42.0, -53.0)
    cross_section = [(-0.4, 0.0), (0.9, 0.25), (0.6, 1.0), (-3.0, 1.15), (-6.5, 1.0), (-6.0, 0.0)]
    scallop = 0.7 * np.abs(np.sin((s + 1) / 2 * 14 * np.pi))
    sections = np.stack([o * normal for o, _ in cross_section], axis=1)
    sections[:, :, 1] = np.array([start + (end - start) * f for _, f in cross_section])
    sections[:, :2, 1] += (scallop if upper else -scallop)[:, None]
    points, quads = _tube(path, sections)
    return points, quads[:, ::-1] if upper else quads


def tongue() -> tuple[Array, Array, Array]:
    """Vertices, quads and, per vertex, the position along the tongue (0 root, 1 tip)."""
    t = np.array([0, 0.16, 0.32, 0.48, 0.62, 0.74, 0.84, 0.92, 0.97, 1.0])
    path = np.stack([np.zeros_like(t), -43.5 + 3.0 * np.sin(t * 2.6), 50 + 48 * t], axis=1)
    width = 17.5 * np.sqrt(np.clip(1 - np.clip((t - 0.35) / 0.69, 0, 1) ** 2.6, 0, None))
    thickness = np.interp(t, [0, 0.5, 0.9, 1.0], [8.0, 6.5, 3.6, 1.8])
    angle = np.linspace(0, 2 * np.pi, 17)[:-1]
    groove = 1 - 0.22 * np.exp(-(((angle - np.pi / 2) / 0.4) ** 2))
    sections = np.zeros((len(t), 16, 3))
    sections[:, :, 0] = width[:, None] * np.cos(angle)
    sections[:, :, 1] = thickness[:, None] * np.sin(angle) * groove
    points, quads = _tube(path, sections)
    return points, quads, np.repeat(t, 16)


def brow() -> PartMesh:
    """Left brow: a tapering tube on the skin."""
    t = np.linspace(0, 1, 15)
    path = np.stack([11.5 + 40.0 * t, 55.5 + 7.5 * np.sin(t**0.9 * 2.3) - 3.5 * t, 112 - 34 * t**1.7], axis=1)
    path = surface.project_to_skin(path, 8)
    normal = surface.normal(path)
    tangent = np.gradient(path, axis=0)
    across = np.cross(normal, tangent)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    taper = np.clip(t / 0.1, 0, 1) ** 0.5 * np.clip((1 - t) / 0.85, 0, 1) ** 0.75 + 0.05
    angle = np.linspace(0, 2 * np.pi, 11)[:-1]
    sections = across[:, None] * (3.0 * taper[:, None] * np.cos(angle))[..., None]
    sections = sections + normal[:, None] * (1.15 * taper[:, None] * np.sin(angle))[..., None]
    points, quads = _tube(path, sections)
    inside = surface.signed_distance(points) < -0.4  # the underside lies at most this deep in the skin
    points[inside] -= (surface.signed_distance(points[inside]) + 0.4)[:, None] * surface.normal(points[inside])
    return points, quads


def lashes(lid_margin: Array, length: float, lift: float) -> PartMesh:
    """Strip of lashes from a lid margin (n, 3), corner to corner, roots first."""
    n = len(lid_margin)
    t = np.linspace(0, 1, n)
    outward = lid_margin - surface.EYE_CENTRE
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    lash_length = length * np.clip(np.sin(np.pi * t), 0, None) ** 0.5
    rows = [lid_margin + 0.15 * outward]
    for f, rise in ((0.55, 0.1), (1.0, 0.45)):
        rows.append(
            lid_margin
            + outward * (lash_length * f)[:, None]
            + np.array([0.0, lift, 0.0]) * (lash_length * rise)[:, None]
        )
    points = np.concatenate(rows)
    vertex_index = np.arange(3 * n).reshape(3, n)
    quads = np.stack(
        [vertex_index[:-1, :-1], vertex_index[:-1, 1:], vertex_index[1:, 1:], vertex_index[1:, :-1]], axis=-1
    ).reshape(-1, 4)
    return points, quads
