"""Mutated files of every kind that a user gives: read, or refused in one line, whatever is wrong with them.

A few of each in the quick suite; `pytest -m slow tests/core/formats/test_fuzz_files.py` reads 3,000 of each.
"""

import json
import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face import ict_head, mapping_preset
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_ict
from innerface.core.flame import embedding, stand_in
from innerface.core.flame import model as flame_model
from innerface.core.flame.flame_track import build_flame_track
from innerface.core.hybrid import detector
from innerface.core.imu import adapter, layout, linear_model
from innerface.core.landmarks import points
from innerface.core.take import Take, Track

VECTORS = Path(__file__).parent / "vectors"
QUICK, SLOW = 12, 3000
TEXT_PIECES = (b"nan", b"-", b"1e999", b",", b"\t", b"\n", b'"', b"\0", b"\xff", b"[", b"{", b"9" * 40, b"")


def mutations(seed, count):
    """Yield `count` versions of a file: bytes changed, cut off, cut out or doubled, pieces of text put in."""
    rng = np.random.default_rng(len(seed))
    for _ in range(count):
        out = bytearray(seed)
        for place in rng.integers(0, len(seed), rng.integers(1, 6)).tolist():
            kind = rng.uniform()
            if kind < 0.5:
                out[place : place + 1] = rng.bytes(1)
            elif kind < 0.7:
                out[place : place + int(rng.integers(1, 9))] = TEXT_PIECES[rng.integers(len(TEXT_PIECES))]
            elif kind < 0.8:
                del out[place:]
            elif kind < 0.9:
                del out[place : place + int(rng.integers(1, 200))]
            else:
                out[place:place] = out[place : place + int(rng.integers(1, 200))]
            out = out or bytearray(b"\0")
        yield bytes(out)


def weights():
    time = np.arange(12) / 60
    return Take("t", {"weights": Track("weights", time, ("jawOpen", "mouthSmileLeft"), np.full((12, 2), 0.25))})


def written(take, path, name=None):
    formats.write_take(take, path, name)
    return path.read_bytes()


def flame_arrays():
    """A tiny FLAME model."""
    rng, V = np.random.default_rng(0), 12
    return {
        "v_template": rng.normal(size=(V, 3)),
        "f": np.arange(12, dtype=np.uint32).reshape(4, 3),
        "shapedirs": rng.normal(size=(V, 3, 6)),
        "posedirs": rng.normal(size=(V, 3, 36)),
        "J_regressor": np.full((5, V), 1 / V),
        "weights": np.full((V, 5), 0.2),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
    }


def tracker_arrays():
    """Parameters of a tracker."""
    return {
        "expr": np.ones((12, 5), np.float32),
        "jaw_pose": np.tile(np.eye(3), (12, 1, 1)),
        "eyes_pose": np.zeros((12, 6)),
        "shape": np.zeros((1, 4)),
        "timestep_id": np.arange(12),
        "fps": np.array(25),
    }


def ict_arrays():
    """A face in ICT-FaceKit's layout, of few different numbers."""
    V = 1 + max(end for _, end in ict_head.REGIONS.values())
    return {
        "neutral": np.ones((V, 3), np.float32),
        "expression_deltas": np.ones((2, V, 3), np.float32),
        "arkit_names": np.array(ARKIT),
        "arkit_from_ict": np.ones((len(ARKIT), 2)),
        "region_names": np.array(["face_narrow"]),
        "region_vertex_range": np.array([[0, V]]),
        "landmarks_68": np.arange(68),
        "faces": np.array([[0, 1, 2, -1]]),
    }


def zipped(arrays, folder):
    np.savez_compressed(folder / "seed.npz", **arrays)
    return (folder / "seed.npz").read_bytes()


def openbci(*, old):
    """A recording of OpenBCI's GUI."""
    head = [
        "%OpenBCI Raw EXG Data",
        "%Number of channels = 4",
        "%Sample Rate = 200 Hz",
        "%Board = OpenBCI_GUI$BoardGanglionBLE",
    ]
    names = ["Sample Index", *(f"EXG Channel {k}" for k in range(4)), "Accel Channel 0"]
    head += [] if old else [", ".join([*names, "Timestamp", "Marker Channel", "Timestamp (Formatted)"])]
    rows = [
        f"{k}, 1.5, 2.5, -3.5, 4.5, 0.0, 10:00:00.{5 * k:03d}, {1554674098948 + 5 * k}"
        if old
        else f"{k}.0, 1.5, 2.5, -3.5, 4.5, 0.0, {1.7e9 + k / 200:.6f}, 0.0, 2023-11-14 22:13:20.{5 * k:03d}"
        for k in range(20)
    ]
    return "\n".join(head + rows).encode()


@cache
def generated_face():
    return stand_in.make_stand_in()


def seed_of(reader, folder):
    """A small file of the kind."""
    time = np.arange(12) / 250
    if reader in ("llf.csv", "plain.csv", "beat.json", "weights.mcap"):
        name = {"llf.csv": "llf", "plain.csv": "plain"}.get(reader)
        return written(weights(), folder / f"seed.{reader.rpartition('.')[2]}", name)
    if reader == "bio.csv":
        track = Track("biosignal", time, ("lower", "front"), np.ones((12, 2)), {"rate_hz": "250", "unit": "uV"})
        return written(Take("t", {"biosignal": track}), folder / "seed.bio.csv")
    if reader == "imu.csv":
        columns = tuple(f"aux.{part}" for part in ("qw", "qx", "qy", "qz", "ax", "ay", "az"))
        rows = np.tile([1.0, 0, 0, 0, 0, 9.8, 0], (12, 1))
        return written(Take("t", {"imu": Track("imu", time, columns, rows)}), folder / "seed.imu.csv")
    if reader == "flame.npz":
        widths = (("expression", 5), ("jaw", 3), ("eyes", 6), ("neck", 3))
        parts = {name: np.zeros((12, width)) for name, width in widths}
        track = build_flame_track(time=time, **parts, shape=np.zeros(4))
        return written(Take("t", {"flame": track}), folder / "seed.flame.npz")
    if reader == "adapter.npz":
        width = 52 + 3 * len(adapter.layout_sites())
        correction = adapter.Correction(np.zeros((width + 1, 52)), np.zeros((2, width)))
        adapter.Adapter(adapter.layout_sites(), {"0": correction}, 9.0).save(folder / "seed.npz")
        return (folder / "seed.npz").read_bytes()
    if reader == "landmarks.csv":
        track = Track("landmarks", time, points.COLUMNS, np.ones((12, len(points.COLUMNS))))
        return written(Take("t", {"landmarks": track}), folder / "seed.landmarks.csv")
    if reader.startswith("model-"):
        return pickle.dumps(flame_arrays(), protocol=int(reader[6]))
    if reader == "embedding.pkl":
        coordinates = {"lmk_face_idx": np.arange(51), "lmk_b_coords": np.full((51, 3), 1 / 3)}
        return pickle.dumps(coordinates, protocol=0)
    if reader == "preset.json":
        row = {"channel": "jawOpen", "kind": "key", "name": "x"}
        return json.dumps({"innerface-mapping": 1, "name": "a", "targets": [row]}).encode()
    return {
        "brainflow.csv": lambda: b"".join((VECTORS / "brainflow_synthetic.csv").read_bytes().splitlines(True)[:12]),
        "stream.xdf": (VECTORS / "minimal.xdf").read_bytes,
        "small.edf": (VECTORS / "small.edf").read_bytes,
        "small.bdf": (VECTORS / "small.bdf").read_bytes,
        "openbci.txt": lambda: openbci(old=False),
        "openbci-old.txt": lambda: openbci(old=True),
        "tracker.npz": lambda: zipped(tracker_arrays(), folder),
        "tracker.pkl": lambda: pickle.dumps(tracker_arrays(), protocol=4),
        "model.npz": lambda: zipped(flame_arrays(), folder),
        "ict.npz": lambda: zipped(ict_arrays(), folder),
        "ict-head.npz": lambda: zipped(ict_arrays(), folder),
        "linear.npz": linear_model.SHIPPED.read_bytes,
        "detector.npz": detector.SHIPPED.read_bytes,
        "layout.json": (Path(layout.__file__).with_name("layouts") / "default.json").read_bytes,
    }[reader]()


READERS = {
    **dict.fromkeys(
        ("llf.csv", "plain.csv", "beat.json", "weights.mcap", "bio.csv", "imu.csv", "flame.npz"), formats.read_take
    ),
    **dict.fromkeys(("brainflow.csv", "stream.xdf", "small.edf", "small.bdf"), formats.read_take),
    **dict.fromkeys(
        ("landmarks.csv", "openbci.txt", "openbci-old.txt", "tracker.npz", "tracker.pkl"), formats.read_take
    ),
    **dict.fromkeys(("model-0.pkl", "model-2.pkl", "model-4.pkl", "model.npz"), flame_model.load),
    "embedding.pkl": lambda path: embedding.load_embedding(generated_face(), path),
    "ict.npz": load_ict,
    "ict-head.npz": ict_head.load_arrays,
    "adapter.npz": adapter.load,
    "linear.npz": linear_model.load,
    "detector.npz": detector.load,
    "layout.json": layout.load_layout,
    "preset.json": mapping_preset.load,
}


def read_mutations(reader, folder, count):
    read = READERS[reader]
    seeds = folder / "seeds"
    seeds.mkdir()
    whole = folder / f"whole-{reader}"
    whole.write_bytes(seed_of(reader, seeds))
    read(whole)
    for k, content in enumerate(mutations(seed_of(reader, seeds), count)):
        path = folder / f"{k}-{reader}"  # some readers remember what they read by path
        path.write_bytes(content)
        try:
            read(path)
        except InnerfaceError as error:
            assert "\n" not in str(error)
            assert not isinstance(error.__cause__, (NameError, AssertionError)), "a fault of the reader itself"
        path.unlink()


@pytest.mark.parametrize("reader", READERS)
def test_a_few_mutated_files_are_read_or_refused_in_one_line(tmp_path, reader):
    read_mutations(reader, tmp_path, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_thousands_of_mutated_files_are_read_or_refused_in_one_line(tmp_path, reader):
    read_mutations(reader, tmp_path, SLOW)
