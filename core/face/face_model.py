"""Face models: a neutral mesh, Apple's 52 shapes as offsets, and where errors are measured."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import reading
from ..numerics.npz import read_npz
from .channels import ARKIT
from .head import Head, load
from .ict_head import EYE_CENTRE_MM, REGIONS, load_arrays

# Opposite points of the inner lips (iBUG 61-67, 62-66, 63-65), counted within the 51 inner points 17 to 67.
_INNER_LIPS = ((44, 50), (45, 49), (46, 48))
ICT_FILE = "ict_facekit.npz"


@dataclass(frozen=True)
class FaceModel:
    """M(w) = neutral + sum of w_k deltas_k (IMUSIC eq 4), in m in the head frame.

    Attributes
    ----------
    name : of the face, in reports.
    neutral : (V, 3).
    deltas : (52, V, 3) in the order of ARKIT.
    region, region_name : (R,) vertices that errors are averaged over, and what they are called.
    landmarks : (51,) vertices of the inner iBUG points 17 to 67.
    eyes : (2, 3) centres of the left and right eyeball.
    pupils : (2, 3) left and right pupil at rest.
    """

    name: str
    neutral: Array
    deltas: Array
    region: Array
    region_name: str
    landmarks: Array
    eyes: Array
    pupils: Array

    @property
    def inner_lips(self) -> Array:
        """(3, 2) upper and lower vertices whose distances are the gap of the lips."""
        return self.landmarks[np.array(_INNER_LIPS)]


def load_bundled() -> FaceModel:
    """The bundled head; errors are averaged over its front without the inside of the mouth."""
    head = load()
    order = [head.shapes.index(c) for c in ARKIT]
    return FaceModel(
        "bundled",
        head.vertices.astype(np.float64),
        head.deltas[order].astype(np.float64),
        head.face_region,
        "front of the bundled head",
        head.landmarks,
        *_bundled_eyes(head),
    )


def _bundled_eyes(head: Head) -> tuple[Array, Array]:
    """Centres and foremost points of the bundled head's eyeballs, (2, 3) each."""
    eyeballs = [head.vertices[slice(*head.parts[name])].astype(np.float64) for name in ("eye_left", "eye_right")]
    pupils = np.array([ball[ball[:, 2].argmax()] for ball in eyeballs])
    centres = np.array([(ball.max(axis=0) + ball.min(axis=0)) / 2 for ball in eyeballs])
    # measured from the back, since the cornea protrudes in front
    centres[:, 2] = [ball[:, 2].min() + (ball[:, 0].max() - ball[:, 0].min()) / 2 for ball in eyeballs]
    pupils[:, :2] = centres[:, :2]
    return centres, pupils


def load_ict(path: str | Path) -> FaceModel:
    """A face in the layout of ICT-FaceKit's arrays (docs/formats.md), in cm; errors are averaged over the narrow face.

    Raises InnerfaceError for a file with another layout.
    """
    with reading(path, "see docs/formats.md"):
        data = load_arrays(path, "region_names", "region_vertex_range", "landmarks_68")
        neutral, names, deltas = data["vertices"], data["names"], data["deltas"]
        try:
            regions = dict(zip((str(n) for n in data["region_names"]), data["region_vertex_range"].tolist()))
            landmarks = data["landmarks_68"].astype(np.int64)[17:]
            a, b = regions["face_narrow"]
        except (KeyError, ValueError) as error:
            raise InnerfaceError(
                f"{path}: lacks arrays of ICT-FaceKit's layout ({error}); see docs/formats.md"
            ) from None
        missing = [c for c in ARKIT if c not in names]
        if (
            missing
            or deltas.shape != (len(names), len(neutral), 3)
            or landmarks.shape != (51,)
            or landmarks.max() >= len(neutral)
        ):
            raise InnerfaceError(f"{path}: its arrays do not match one another; see docs/formats.md")
        order = [names.index(c) for c in ARKIT]
        eyes = EYE_CENTRE_MM / 1000 * np.array([[1, 1, 1], [-1, 1, 1]])
        return FaceModel(
            Path(path).stem,
            neutral,
            deltas[order].astype(np.float64),
            np.arange(int(a), int(b)),
            "ICT narrow face",
            landmarks,
            eyes,
            _ict_pupils(neutral),
        )


def _ict_pupils(vertices: Array) -> Array:
    """Pupils (2, 3) of vertices (V, 3): centres of the irises seen from the front, at the depth of the foremost vertex.

    The model's irises reach behind the centre of the eye.
    """
    irises = [vertices[slice(*REGIONS[name])] for name in ("iris_left", "iris_right")]
    return np.array([[*iris[:, :2].mean(axis=0), iris[:, 2].max()] for iris in irises])


class IdentityModel:
    """Random faces: ICT-FaceKit's mean face and its identity modes, whose coefficients are normally distributed.

    Raises InnerfaceError for a file with another layout.
    """

    def __init__(self, path: str | Path) -> None:
        self.mean = load_ict(path)
        arrays = read_npz(path, ("identity_deltas",))
        if not arrays:
            raise InnerfaceError(f"{path}: has no identity modes; see docs/formats.md")
        with reading(path, "see docs/formats.md"):
            self.modes = arrays["identity_deltas"].astype(np.float32) * np.float32(0.01)
        if self.modes.ndim != 3 or self.modes.shape[1:] != self.mean.neutral.shape:
            raise InnerfaceError(f"{path}: its identity modes do not match its neutral face; see docs/formats.md")

    def sample(self, seed: int | np.random.Generator, spread: float = 1.0) -> FaceModel:
        """A random face; `spread` is the standard deviation of the coefficients."""
        coefficients = np.random.default_rng(seed).normal(0, spread, len(self.modes)).astype(np.float32)
        displacement = cast("Array", np.tensordot(coefficients, self.modes, axes=1))
        neutral = self.mean.neutral + displacement
        pupils = _ict_pupils(neutral)
        return replace(self.mean, neutral=neutral, eyes=self.mean.eyes + pupils - self.mean.pupils, pupils=pupils)


def find_ict() -> Path | None:
    """ICT-FaceKit's arrays in the folder INNERFACE_DATA or in `shared/data` beside the checkout; else None."""
    folders = [Path(os.environ["INNERFACE_DATA"])] if "INNERFACE_DATA" in os.environ else []
    folders += [Path(__file__).resolve().parents[3] / "shared" / "data", Path.cwd().parent / "shared" / "data"]
    return next((p / ICT_FILE for p in folders if (p / ICT_FILE).is_file()), None)


def load_face_model(name_or_path: str | None = None) -> FaceModel:
    """Load `bundled`, an .npz, or for None ICT's face if it is available, else the bundled head."""
    if name_or_path == "bundled":
        return load_bundled()
    path = Path(name_or_path) if name_or_path is not None else find_ict()
    return load_bundled() if path is None else load_ict(path)
