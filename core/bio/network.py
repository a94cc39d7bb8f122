"""The trained network (ONNX Runtime): segments of features in, the 53 points out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..landmarks.points import COLUMNS, POINT_COUNT
from ..numerics.model_files import load_onnx

SIMULATED = "simulated"  # name of the shipped network in place of a file
SHIPPED = Path(__file__).resolve().parents[2] / "models" / "bio.onnx"
KIND = "innerface-bio 1"
MAX_GOOD_ERROR_SHARE = 0.9  # of the error of a face that does not move, on the held-out part
HARDLY_BETTER = (
    "hardly better than a still face; check that the electrodes hold, record more expressions, and train again"
)
_CHUNK, _THREADS = 512, 1  # so small a network is slower with a second thread


@dataclass
class BioNetwork:
    """A performer's personal network.

    Attributes
    ----------
    session : ONNX Runtime session
    channels : names of the electrodes, in order
    top_hz : upper limit of its EMG bands
    mains_hz : mains frequency where it was trained
    frame_hz : frame rate of the video that it was trained with
    length, ahead : features in a segment, and how many of them follow the frame
    interocular_mm : distance between the pupils, mm
    rest : (53, 2), the performer's neutral face
    explained : (53,), share of each point's variance that was explained on held-out frames
    tightness_live, tightness : (106,), how tightly the Kalman filter follows, live and in recordings
    simulated : trained on a simulated performer
    to_channels : (107, 52), linear map from points to channels with the intercept last, where a camera gave channels
    channels_explained : (52,), share of each channel's variance that the map explained
    card : what it was trained on
    id : first 16 digits of the file's SHA-256
    error_share : its error over that of a face that does not move, on held-out frames; None where that is not known
    """

    session: Any
    channels: tuple[str, ...]
    top_hz: float
    mains_hz: float
    frame_hz: float
    length: int
    ahead: int
    interocular_mm: float
    rest: Array
    explained: Array
    tightness_live: Array
    tightness: Array
    simulated: bool
    to_channels: Array | None = None
    channels_explained: Array | None = None
    card: dict[str, str] = field(default_factory=dict[str, str])
    id: str = ""
    error_share: float | None = None

    @property
    def hardly_better(self) -> bool:
        """Whether it was not clearly better than a face that does not move, on held-out frames."""
        return self.error_share is not None and self.error_share > MAX_GOOD_ERROR_SHARE

    @property
    def notes(self) -> list[str]:
        """What the user should know of it."""
        out: list[str] = []
        if self.simulated:
            out.append("the network was trained on a simulated performer; train your own with innerface train bio")
        if self.hardly_better:
            out.append(f"the network was {HARDLY_BETTER}")
        return out

    def column_indices(self, channels: tuple[str, ...]) -> list[int]:
        """Indices of the network's electrodes among a device's channels; [] if there are too few.

        Matched by name, else the first ones, since boards have more inputs.
        """
        if all(c in channels for c in self.channels):
            return [channels.index(c) for c in self.channels]
        return list(range(len(self.channels))) if len(channels) >= len(self.channels) else []

    def run(self, emg: Array, eog: Array) -> Array:
        """Points (N, 106) of segments (N, E, length) and (N, O, length)."""
        batches = [
            self.session.run(
                ["points"],
                {"emg": emg[i : i + _CHUNK].astype(np.float32), "eog": eog[i : i + _CHUNK].astype(np.float32)},
            )[0]
            for i in range(0, len(emg), _CHUNK)
        ]
        return np.concatenate(batches).astype(np.float64) if batches else np.zeros((0, 2 * POINT_COUNT))


def load(path: str | Path | None = None) -> BioNetwork:
    """Read a network from its file; None or "simulated" is the shipped one. Raises InnerfaceError."""
    path = SHIPPED if path in (None, SIMULATED) else Path(str(path))
    model = load_onnx(path, threads=_THREADS, without_runtime="pip install onnxruntime", unreadable="give a bio.onnx")
    metadata = model.metadata
    if metadata.get("kind") != KIND:
        description = (
            "a network of face-worn IMUs"
            if metadata.get("kind", "").startswith("innerface-imu")
            else "not a network of electrodes"
        )
        raise InnerfaceError(f"{path}: {description}; give one written by innerface train bio")
    channel_map: dict[str, Array] = {}
    try:
        channels = tuple(str(c) for c in json.loads(metadata["channels"]))
        arrays = {
            name: np.array(json.loads(metadata[name]), dtype=np.float64)
            for name in ("rest", "explained", "follow_live", "follow")
        }
        top_hz, mains_hz, frame_hz, interocular_mm = (
            float(metadata[name]) for name in ("top_hz", "mains_hz", "frame_hz", "interocular_mm")
        )
        if "to_channels" in metadata:
            channel_map = {
                name: np.array(json.loads(metadata[name]), dtype=np.float64)
                for name in ("to_channels", "channels_explained")
            }
            if channel_map["to_channels"].shape != (len(COLUMNS) + 1, len(ARKIT)) or channel_map[
                "channels_explained"
            ].shape != (len(ARKIT),):
                raise ValueError("the map to channels has a wrong shape")
        error_share = float(metadata["error_share"]) if "error_share" in metadata else None
        length, ahead = int(metadata["length"]), int(metadata["ahead"])
        if [a.shape for a in arrays.values()] != [
            (POINT_COUNT, 2),
            (POINT_COUNT,),
            (len(COLUMNS),),
            (len(COLUMNS),),
        ] or not 1 <= ahead < length <= 1000:
            raise ValueError("array shapes do not match")
    except Exception as error:  # of any kind: the file may be a stranger's
        raise InnerfaceError(
            f"{path}: damaged metadata ({' '.join(str(error).split())[:80]}); train it again"
        ) from error
    card = {k.removeprefix("card."): v for k, v in metadata.items() if k.startswith("card.")}
    return BioNetwork(
        model.session,
        channels,
        top_hz,
        mains_hz,
        frame_hz,
        length,
        ahead,
        interocular_mm,
        arrays["rest"],
        arrays["explained"],
        arrays["follow_live"],
        arrays["follow"],
        metadata.get("simulated") == "yes",
        channel_map.get("to_channels"),
        channel_map.get("channels_explained"),
        card,
        model.id,
        error_share,
    )
