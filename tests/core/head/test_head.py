import numpy as np
import pytest
from innerface.cli.dev.head_generator import generate, topology
from innerface.core.face.channels import ARKIT, mirrored
from innerface.core.face.head import ASSET, load


@pytest.fixture(scope="module")
def head():
    return load()


@pytest.fixture(scope="module")
def names():
    """Half-mesh names -> vertex numbers of the performer's left."""
    return topology.half_mesh().index_by_key()


@pytest.fixture(scope="module")
def twins(head):
    """For every vertex the one at the mirrored place; where lips touch, the one that an open jaw moves alike."""
    jaw = head.deltas[head.shapes.index("jawOpen")]
    places = {}
    for i, v in enumerate(head.vertices):
        places.setdefault(tuple(np.round(v * 1e6).astype(int)), []).append(i)
    out = []
    for i, (x, y, z) in enumerate(head.vertices):
        there = places[tuple(np.round(np.array([-x, y, z]) * 1e6).astype(int))]
        out.append(min(there, key=lambda k: np.abs(jaw[k] * (-1, 1, 1) - jaw[i]).sum()))
    return np.array(out)


def mm(head, weights):
    return head.deform(weights) * 1000


def test_the_asset_is_what_its_generator_makes():
    built = generate.build()
    with np.load(ASSET) as stored:
        assert set(built) == set(stored.files)
        for name, array in built.items():
            if array.dtype.kind == "f":
                assert np.allclose(array, stored[name], atol=2e-6), name
            elif name == "deltas":
                assert np.abs(array.astype(int) - stored[name].astype(int)).max() <= 2, name
            else:
                assert np.array_equal(array, stored[name]), name


def test_the_mesh_is_all_quads_well_formed_and_big_enough(head):
    assert len(head.vertices) >= 3000
    assert head.quads.shape[1] == 4
    assert all(len(set(q)) == 4 for q in head.quads.tolist())
    edges = {}
    for q in head.quads.tolist():
        for a, b in zip(q, q[1:] + q[:1]):
            assert (a, b) not in edges, "two faces run along an edge the same way: a face is flipped or doubled"
            edges[a, b] = True
    assert len(np.unique(head.quads)) == len(head.vertices), "loose vertices"


def test_the_skin_faces_outwards(head):
    a, b = head.parts["skin"]
    quads = head.quads[(head.quads < b).all(1) & (head.quads >= a).all(1)]
    p = head.vertices[quads]
    normal = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    volume = (p.mean(1) * normal).sum() / 6
    assert 0.002 < volume < 0.006  # m^3, a head and its neck


@pytest.mark.parametrize(
    ("kind", "rings", "segments", "period"), [("e", range(1, 6), 32, 32), ("m", range(1, 8), 20, None)]
)
def test_loops_round_eyes_and_mouth_have_no_poles(head, names, kind, rings, segments, period):
    _, b = head.parts["skin"]
    quads = head.quads[(head.quads < b).all(1)]
    valence = np.bincount(quads.ravel(), minlength=b)
    for ring in rings:
        for s in range(segments):
            assert valence[names[kind, ring, s]] == 4


def test_proportions_are_human(head, names):
    p = head.vertices * 1000
    eyes = [p[slice(*head.parts[f"eye_{side}"])].mean(0) for side in ("left", "right")]
    assert eyes[0][0] - eyes[1][0] == pytest.approx(63, abs=1)  # interpupillary
    corner = p[names["m", topology.LIP_CONTACT, topology.MOUTH_CORNER]]
    assert 44 < 2 * corner[0] < 56  # mouth width
    skin = p[slice(*head.parts["skin"])]
    front = skin[(np.abs(skin[:, 0]) < 1) & (skin[:, 2] > 60)]
    chin = front[front[:, 1] < -60][:, 1].min()
    assert 105 < 40 - chin < 130  # nasion to chin
    assert 140 < np.ptp(skin[skin[:, 1] > 40][:, 0]) < 165  # head breadth
    assert 180 < np.ptp(skin[:, 2]) < 240  # head length with the nose
    inner, outer = (p[names["e", topology.LID_FRONT, s]][0] for s in (topology.INNER_CANTHUS, topology.OUTER_CANTHUS))
    assert 24 < outer - inner < 34  # palpebral fissure


def test_the_head_is_symmetric_and_so_are_its_shapes(head, twins):
    flip = np.array([-1, 1, 1], dtype=np.float32)
    for name in ARKIT:
        ours = head.deltas[head.shapes.index(name)]
        other = head.deltas[head.shapes.index(mirrored(name))][twins] * flip
        assert np.abs(ours - other).max() < 5e-5, name


def test_every_shape_moves_what_it_is_named_for(head):
    rest = head.vertices * 1000
    spots = {
        "jaw": (0, -70, 100),
        "mouth": (0, -34, 112),
        "brow": (0, 60, 100),
        "cheek": (0, -10, 85),
        "nose": (0, 5, 115),
        "eye": (0, 36, 90),
        "tongue": (0, -36, 100),
    }
    for k, name in enumerate(head.shapes):
        move = np.linalg.norm(head.deltas[k], axis=1) * 1000
        assert 0.8 < move.max() < 60, name
        centre = (rest * move[:, None]).sum(0) / move.sum()
        stem = next(s for s in spots if name.startswith(s))
        if name not in ("jawOpen", "mouthClose"):
            assert np.linalg.norm((centre - spots[stem])[1:]) < 45, name
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft"):
            assert centre[0] > 3, name
        assert (move[(rest[:, 1] > 110) | (rest[:, 2] < -40)] < 1.0).all(), f"{name} moves the skull"


def test_closed_lids_meet_and_never_let_the_eyeball_through(head, names):
    upper = [names["e", topology.LID_FRONT, s] for s in range(topology.OUTER_CANTHUS + 1, topology.INNER_CANTHUS)]
    lower = [
        names["e", topology.LID_FRONT, (2 * topology.OUTER_CANTHUS - s) % topology.EYE_SEGMENTS]
        for s in range(topology.OUTER_CANTHUS + 1, topology.INNER_CANTHUS)
    ]
    closed = mm(head, {"eyeBlinkLeft": 1.0})
    gap = np.linalg.norm(closed[upper] - closed[lower], axis=1)
    opened = np.linalg.norm((mm(head, {}))[upper] - mm(head, {})[lower], axis=1)
    assert gap.max() < 1.0 and opened.max() > 8.0
    a, b = head.parts["eye_left"]
    for weight in np.linspace(0, 1, 11):
        p = mm(head, {"eyeBlinkLeft": weight})
        centre = np.array([31.5, 36.0, 83.5])
        for ring in range(1, topology.LID_FRONT + 1):
            lid = p[[names["e", ring, s] for s in range(topology.EYE_SEGMENTS)]]
            assert np.linalg.norm(lid - centre, axis=1).min() > 12.4, (ring, weight)
    assert np.linalg.norm(head.vertices[a:b] * 1000 - centre, axis=1).max() < 12.75


def test_lips_touch_at_rest_and_mouth_close_closes_an_open_jaw_exactly(head, names):
    half = topology.MOUTH_CORNER
    lower = [names["m", topology.LIP_CONTACT, s] for s in range(half)]
    upper = [names["m", topology.LIP_CONTACT, topology.MOUTH_SEGMENTS - s] for s in range(half)]

    def gap(weights):
        p = mm(head, weights)
        return np.linalg.norm(p[lower] - p[upper], axis=1).max()

    assert gap({}) < 0.01
    assert gap({"jawOpen": 1.0}) > 20
    for weight in (0.25, 0.5, 1.0):
        assert gap({"jawOpen": weight, "mouthClose": weight}) < 0.05
    chin = (np.abs(head.vertices[:, 0]) < 0.002) & (head.vertices[:, 1] < -0.07) & (head.vertices[:, 2] > 0.08)
    drop = (mm(head, {}) - mm(head, {"jawOpen": 1.0, "mouthClose": 1.0}))[chin][:, 1]
    assert drop.min() > 15, "the chin must stay down while the lips close"


def test_lower_teeth_follow_the_jaw_and_upper_teeth_stay(head):
    moved = np.linalg.norm(head.deltas[head.shapes.index("jawOpen")], axis=1) * 1000
    assert moved[slice(*head.parts["teeth_upper"])].max() == 0
    assert moved[slice(*head.parts["teeth_lower"])].min() > 10
    assert moved[slice(*head.parts["tongue"])].min() > 5


def test_teeth_and_gums_stay_behind_closed_lips(head):
    _, b = head.parts["skin"]
    lips = head.vertices[:b][
        (np.abs(head.vertices[:b, 1] + 0.0345) < 0.004)
        & (np.abs(head.vertices[:b, 0]) < 0.015)
        & (head.vertices[:b, 2] > 0.09)
    ]
    for part in ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower"):
        p = head.vertices[slice(*head.parts[part])]
        assert p[np.abs(p[:, 0]) < 0.015][:, 2].max() < lips[:, 2].max() - 0.005


def test_gaze_turns_the_eyeball_the_way_it_is_named(head):
    a, b = head.parts["eye_left"]
    front = a + int(head.vertices[a:b, 2].argmax())
    for name, axis, sign in (("Up", 1, 1), ("Down", 1, -1), ("Out", 0, 1), ("In", 0, -1)):
        assert sign * head.deltas[head.shapes.index(f"eyeLook{name}Left")][front, axis] > 0.003


def test_landmarks_lie_where_a_real_face_has_them(head, data):
    with np.load(data / "ict_facekit.npz") as face:
        real = face["neutral"][face["landmarks_68"][17:]] * 10
    ours = head.vertices[head.landmarks] * 1000
    gap = np.linalg.norm(ours - real, axis=1)
    assert gap.mean() < 5 and gap.max() < 12
    assert np.allclose(ours[:, 0].sum(), 0, atol=1e-3), "the points are symmetric"


def test_texture_coordinates_fill_the_square_face_up_and_never_overlap(head):
    corners = head.uv.astype(float)
    assert corners.shape == (len(head.quads), 4, 2) and corners.min() >= 0 and corners.max() <= 1
    u, v = corners[..., 0], corners[..., 1]
    areas = (u * np.roll(v, -1, axis=1) - v * np.roll(u, -1, axis=1)).sum(axis=1) / 2
    assert areas.min() > 1e-8, "a quad lies face down or has no area"
    assert 0.7 < areas.sum() <= 1
    covered = np.zeros((1500, 1500), dtype=int)
    for quad in corners * 1500:
        low, high = np.floor(quad.min(axis=0)).astype(int), np.ceil(quad.max(axis=0)).astype(int)
        x, y = np.meshgrid(*(np.arange(a, b) + 0.5 for a, b in zip(low, high)), indexing="ij")
        edges = np.roll(quad, -1, axis=0) - quad
        inside = np.ones(x.shape, dtype=bool)
        for (px, py), (dx, dy) in zip(quad, edges):
            inside &= dx * (y - py) - dy * (x - px) > 1e-6
        covered[low[0] : high[0], low[1] : high[1]] += inside
    assert covered.max() == 1, "two quads share a place on the texture"


def test_the_right_half_of_the_texture_mirrors_the_left_and_the_face_has_no_seam(head):
    skin = (head.quads < head.parts["skin"][1]).all(axis=1) & np.isin(
        head.material_index, [head.materials.index(n) for n in ("skin", "lips")]
    )
    places = head.uv[skin].astype(float)
    outside = places[places[:, :, 1].min(axis=1) > 0.4]  # without the island that closes the neck
    left = outside[:, :, 0].mean(axis=1) > 0.5
    mirrored = (outside[~left] * (-1, 1) + (1, 0)).mean(axis=1)
    assert np.allclose(np.sort(outside[left].mean(axis=1), axis=0), np.sort(mirrored, axis=0), atol=1e-4)
    front = head.vertices[head.quads[skin]][:, :, 2].mean(axis=1) > 0.03
    by_vertex = {}
    for quad, corners in zip(head.quads[skin][front], head.uv[skin][front]):
        for vertex, place in zip(quad.tolist(), corners.tolist()):
            assert by_vertex.setdefault(vertex, place) == place or abs(head.vertices[vertex, 1]) > 0.1, (
                "a seam on the face"
            )
