"""Files of trained models: networks (.onnx, run by ONNX Runtime) and arrays (.npz)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write, read_bytes
from .npz import NpzArchive

_ID_LENGTH = 16  # hexadecimal digits
_MAX_BYTES = 64 << 20
_MAX_TEXTS = 10_000  # in an array
_T = TypeVar("_T")


@dataclass(frozen=True)
class OnnxModel:
    """A network that can be run.

    Attributes
    ----------
    session : onnxruntime.InferenceSession
    metadata : what the file says of itself
    id : start of the file's SHA-256
    """

    session: Any
    metadata: dict[str, str]
    id: str


def import_onnx_runtime() -> Any:
    """The module `onnxruntime`, which has no types. Raises ImportError where it does not load."""
    runtime = import_module("onnxruntime")
    runtime.disable_telemetry_events()  # another extension of Blender may have imported it with its telemetry on
    return runtime


def load_onnx(path: str | Path, *, threads: int, without_runtime: str, unreadable: str) -> OnnxModel:
    """Open a network on the CPU.

    `without_runtime` and `unreadable` end the messages: what to do where ONNX Runtime does not load, and where it
    cannot read the file. Raises InnerfaceError for these, and for a missing or empty file.
    """
    content = read_bytes(path, limit=_MAX_BYTES)
    try:
        runtime = import_onnx_runtime()
    except ImportError as error:
        raise InnerfaceError(f"{path}: ONNX Runtime does not load ({error}); {without_runtime}") from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
    except Exception as error:  # ONNX Runtime's errors share no base class
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InnerfaceError(f"{path}: ONNX Runtime cannot open it ({lines[-1][:160]}); {unreadable}") from None
    return OnnxModel(session, metadata, content_id(content))


@dataclass(frozen=True)
class NpzModel:
    """Arrays of a model by name, each read when it is asked for, and the start of the file's SHA-256.

    Reading an array that is missing or of another type raises InnerfaceError, which ends in `remedy`.
    """

    path: str | Path
    archive: NpzArchive
    id: str
    remedy: str

    def floats(self, name: str) -> Array:
        """An array in double precision."""
        return self._convert(name, lambda array: array.astype(np.float64))

    def number(self, name: str) -> float:
        """A single number."""
        return self._convert(name, float)

    def strings(self, name: str) -> tuple[str, ...]:
        """An array (N,) of strings."""
        return self._convert(name, lambda array: tuple(str(s) for s in _short(array)))

    def integers(self, name: str) -> tuple[int, ...]:
        """An array (N,) of integers."""
        return self._convert(name, lambda array: tuple(int(i) for i in _short(array)))

    def card(self) -> dict[str, str]:
        """What the model was trained on, as `save_npz` wrote it."""
        return dict(zip(self.strings("card_keys"), self.strings("card_values")))

    def _convert(self, name: str, convert: Callable[[Array], _T]) -> _T:
        try:
            return convert(self.archive.read(name))
        except InnerfaceError as error:
            raise InnerfaceError(f"{str(error).partition(';')[0]}; {self.remedy}") from error
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise InnerfaceError(
                f"{self.path}: lacks a valid '{name}' ({type(error).__name__}); {self.remedy}"
            ) from None


def load_npz(path: str | Path, *, kind: str, remedy: str) -> NpzModel:
    """Read a model that `save_npz` wrote.

    `kind`: what its field `kind` must be; `remedy` ends the messages. Raises InnerfaceError for a file that is
    missing, damaged or of another kind.
    """
    content = read_bytes(path, limit=_MAX_BYTES)
    try:
        archive = NpzArchive(content, path)
        found = archive.read("kind") if "kind" in archive.names else np.array("")
    except InnerfaceError as error:
        raise InnerfaceError(f"{path}: not a model, or truncated; {remedy}") from error
    if found.ndim or found.dtype.kind != "U" or str(found) != kind:
        raise InnerfaceError(f"{path}: a model of another kind or version, not {kind}; {remedy}")
    return NpzModel(path, archive, content_id(content), remedy)


def _short(array: Array) -> Array:
    """An array (N,) of few elements. Raises ValueError for any other."""
    if array.ndim != 1 or len(array) > _MAX_TEXTS:
        raise ValueError(f"shape {array.shape}")
    return array


def save_npz(path: str | Path, *, kind: str, card: dict[str, str] | None = None, **arrays: Array | float) -> None:
    """Write a model atomically, with its card if it has one. Raises InnerfaceError where it cannot be written."""
    if card is not None:
        arrays |= {"card_keys": np.array(list(card)), "card_values": np.array(list(card.values()))}
    with atomic_write(path) as temporary, open(temporary, "wb") as out:
        np.savez_compressed(out, kind=np.array(kind), **{k: np.asarray(v) for k, v in arrays.items()})


def content_id(content: bytes) -> str:
    """The id of a model: the start of its file's SHA-256."""
    return hashlib.sha256(content).hexdigest()[:_ID_LENGTH]
