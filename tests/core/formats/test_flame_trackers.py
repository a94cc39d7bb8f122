"""FLAME parameters under the names and in the layouts of trackers come out as Innerface's."""

import pickle

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.flame.flame_track import arrays_of
from scipy.spatial.transform import Rotation

T = 12
RNG = np.random.default_rng(3)
EXPRESSION = RNG.normal(size=(T, 50)).astype(np.float32)
JAW, NECK, LEFT, RIGHT, ROOT = (RNG.normal(0, 0.2, (T, 3)) for _ in range(5))
SHAPE = RNG.normal(size=100)
EYES = np.hstack([LEFT, RIGHT])


def matrix(rotvec):
    return Rotation.from_rotvec(rotvec).as_matrix()


def rows_6d(rotvec):
    return matrix(rotvec)[:, :2].reshape(len(rotvec), 6)


def columns_6d(rotvec):
    return matrix(rotvec)[:, :, :2].reshape(len(rotvec), 6)


FULL = {"jaw": JAW, "neck": NECK, "eyes": EYES}
SMPLX = np.zeros((T, 165))
SMPLX[:, 66:69], SMPLX[:, 69:72], SMPLX[:, 72:75] = JAW, LEFT, RIGHT
# Arrays of a tracker, and those of Innerface that they give beside expression and shape.
TRACKERS = {
    "VHAP": (
        {"expr": EXPRESSION, "shape": SHAPE, "rotation": ROOT, "translation": ROOT, "neck_pose": NECK}
        | {"jaw_pose": JAW, "eyes_pose": EYES, "timestep_id": np.arange(T), "static_offset": np.zeros((1, 9, 3))},
        FULL,
    ),
    "DECA": ({"exp": EXPRESSION, "pose": np.hstack([ROOT, JAW]), "shape": SHAPE[None], "cam": ROOT}, {"jaw": JAW}),
    "EMOCA": (
        {
            "expcode": EXPRESSION[:, None],
            "posecode": np.hstack([ROOT, JAW])[:, None],
            "shapecode": np.tile(SHAPE, (T, 1)),
        },
        {"jaw": JAW},
    ),
    "SMIRK": (
        {"expression_params": EXPRESSION, "pose_params": ROOT, "jaw_params": JAW, "shape_params": SHAPE}
        | {"eyelid_params": np.zeros((T, 2)), "fps": np.array(25.0)},
        {"jaw": JAW},
    ),
    "metrical-tracker": (
        {"exp": EXPRESSION, "jaw": rows_6d(JAW), "eyes": np.hstack([rows_6d(LEFT), rows_6d(RIGHT)]), "shape": SHAPE}
        | {"neck": rows_6d(NECK), "eyelids": np.zeros((T, 2)), "R": matrix(ROOT), "t": ROOT},
        FULL,
    ),
    "columns of 6 numbers": (
        {"exp": EXPRESSION, "jaw_pose": columns_6d(JAW), "neck_pose": columns_6d(NECK), "shape": SHAPE},
        {"jaw": JAW, "neck": NECK},
    ),
    "matrices": (
        {"expr": EXPRESSION, "jaw_pose": matrix(JAW), "neck_pose": matrix(NECK).reshape(T, 9), "betas": SHAPE}
        | {"eyes_pose": np.stack([matrix(LEFT), matrix(RIGHT)], axis=1)},
        FULL,
    ),
    "eyes apart": (
        {"expression": EXPRESSION, "jaw_pose": JAW, "leye_pose": LEFT, "reye_pose": RIGHT, "betas": SHAPE}
        | {"global_orient": ROOT, "neck_pose": NECK},
        FULL,
    ),
    "pose of all joints": ({"expr": EXPRESSION, "pose": np.hstack([ROOT, NECK, JAW, EYES]), "shape": SHAPE}, FULL),
    "SMPL-X": (
        {"expressions": EXPRESSION, "poses": SMPLX, "betas": SHAPE, "trans": ROOT, "mocap_frame_rate": np.array(30)},
        {"jaw": JAW, "eyes": EYES},
    ),
    "prefixed": ({"flame_expr": EXPRESSION, "flame_jaw_pose": JAW, "flame_shape": SHAPE}, {"jaw": JAW}),
    "a batch": ({"expr": EXPRESSION[None], "jaw_pose": JAW[None], "shape": SHAPE[None]}, {"jaw": JAW}),
    "ours without times": ({"expression": EXPRESSION, **FULL, "shape": SHAPE}, FULL),
}


def save(path, arrays, container):
    if container == "npz":
        np.savez(path, **arrays)
    elif container == "npy":
        with path.open("wb") as out:
            np.save(out, np.array(arrays, dtype=object), allow_pickle=True)
    elif container == "nested":
        path.write_bytes(pickle.dumps({"flame": arrays, "id": 3}, protocol=4))
    else:
        path.write_bytes(pickle.dumps(arrays, protocol=2))
    return path


@pytest.mark.parametrize("container", ["npz", "pkl", "npy", "nested"])
@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_trackers_parameters_are_taken_under_innerfaces_names(tmp_path, tracker, container):
    given, expected = TRACKERS[tracker]
    take = formats.read_take(save(tmp_path / f"t.{container.replace('nested', 'pkl')}", given, container))
    data = arrays_of(take.tracks["flame"])
    np.testing.assert_allclose(data["expression"], EXPRESSION)
    np.testing.assert_allclose(data["shape"], SHAPE)
    for part, width in (("jaw", 3), ("neck", 3), ("eyes", 6)):
        np.testing.assert_allclose(data[part], expected.get(part, np.zeros((T, width))), atol=1e-6, err_msg=part)
    rate = 25 if "fps" in given else 30
    np.testing.assert_allclose(data["time"], np.arange(T) / rate)
    notes = " ".join(take.notes)
    assert ("30 a second were assumed" in notes) == (not {"fps", "mocap_frame_rate"} & set(given))
    for name in {"eyelids", "eyelid_params", "static_offset", "rotation", "trans"} & set(given):
        assert name in notes.replace("trans ", "trans,")
    for name in {"expr", "exp", "expcode"} & set(given):
        assert f"{name} is expression" in notes


def test_the_rate_that_is_asked_for_counts_more_than_any_other(tmp_path):
    given = {"expr": EXPRESSION, "jaw_pose": JAW, "timestep_id": np.arange(0, 2 * T, 2), "fps": np.array(60)}
    track = formats.read_take(save(tmp_path / "t.npz", given, "npz"), 25.0).tracks["flame"]
    np.testing.assert_allclose(track.time, np.arange(T) * 2 / 25)


def test_one_frame_and_frames_that_do_not_advance_are_read(tmp_path):
    one = {"expr": EXPRESSION[0], "jaw_pose": JAW[0], "shape": SHAPE}
    assert len(formats.read_take(save(tmp_path / "one.npz", one, "npz")).tracks["flame"].time) == 1
    back = {"expr": EXPRESSION, "jaw_pose": JAW, "timestep_id": np.arange(T)[::-1]}
    take = formats.read_take(save(tmp_path / "back.npz", back, "npz"))
    np.testing.assert_allclose(take.tracks["flame"].time, np.arange(T) / 30)
    assert any("frame numbers do not advance" in note for note in take.notes)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"verts": np.zeros((T, 9))}, "has no time, expression, jaw, eyes, neck, shape, but verts"),
        ({"expr": EXPRESSION, "jaw_pose": JAW[:5]}, r"jaw has shape \(5, 3\) where 12 frames"),
        ({"expr": EXPRESSION, "jaw_pose": np.zeros((T, 5))}, "jaw has 5 numbers a frame; give axis-angle"),
        ({"expr": EXPRESSION, "pose": np.zeros((T, 7))}, "pose has 7 numbers a frame"),
        ({"expr": EXPRESSION, "jaw_pose": np.ones((T, 3, 3))}, "no rotations"),
        ({"expr": np.full((T, 50), np.nan), "jaw_pose": JAW}, "expression holds values that are missing"),
        ({"expr": np.full((T, 3), "x"), "jaw_pose": JAW}, "not numbers"),
    ],
)
def test_arrays_that_are_no_parameters_are_named_with_what_is_expected(tmp_path, arrays, words):
    with pytest.raises(InnerfaceError, match=words):
        formats.read_take(save(tmp_path / "t.npz", arrays, "npz"))


def test_a_pickle_of_something_else_is_refused_by_what_it_is(tmp_path):
    with pytest.raises(InnerfaceError, match="none of expression, expr, exp, expcode"):
        formats.read_take(save(tmp_path / "t.pkl", {"v_template": np.zeros((5, 3))}, "pkl"))
    (tmp_path / "evil.pkl").write_bytes(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.")
    with pytest.raises(InnerfaceError, match=r"refers to os\.system"):
        formats.read_take(tmp_path / "evil.pkl")


def test_a_folder_with_a_file_for_each_frame_is_one_take(tmp_path):
    folder = tmp_path / "flame_param"
    folder.mkdir()
    for k in range(T):
        frame = {
            "expr": EXPRESSION[k : k + 1],
            "jaw_pose": JAW[k : k + 1],
            "neck_pose": NECK[k : k + 1],
            "shape": SHAPE,
        }
        save(folder / f"{2 * k:05d}.npz", frame, "npz")
    take = formats.read_take(folder, 25.0)
    data = arrays_of(take.tracks["flame"])
    np.testing.assert_allclose(data["expression"], EXPRESSION)
    np.testing.assert_allclose(data["jaw"], JAW)
    np.testing.assert_allclose(data["time"], np.arange(T) * 2 / 25)
    assert any("12 files" in note for note in take.notes)
    save(folder / "00001.npz", {"expr": EXPRESSION[:2], "jaw_pose": JAW[:2]}, "npz")
    with pytest.raises(InnerfaceError, match=r"00001\.npz: has 2 frames"):
        formats.read_take(folder)
