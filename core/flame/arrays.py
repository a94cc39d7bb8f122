"""Read plain arrays from untrusted `.npy` and `.npz` files, without pickles and with all sizes checked."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import read_bytes

LIMIT = 512 << 20  # largest file, bytes
_MAX_UNPACKED = 2 << 30  # bytes of an archive's arrays, uncompressed
_MAX_DIMENSIONS = 8
_PLAIN_KINDS = "biufU"


@dataclass(frozen=True)
class NpyHeader:
    """Header of a `.npy`: `shape`, `fortran` order, `dtype`, and the `offset` of the values in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


def read_header(data: bytes, label: str) -> NpyHeader:
    """Read the header of a `.npy`. Raises InnerfaceError that begins with `label`."""
    stream = io.BytesIO(data)
    npy_format: Any = np.lib.format
    try:
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        shape, fortran, dtype = readers[npy_format.read_magic(stream)](stream)
        return NpyHeader(shape, fortran, dtype, stream.tell())
    except (ValueError, KeyError, TypeError, SyntaxError, EOFError, RecursionError, MemoryError):
        raise InnerfaceError(f"{label}: not a readable array; get the file again") from None


def read_npy(data: bytes, label: str) -> Array:
    """Read the array of a `.npy`: numbers or texts. Raises InnerfaceError that begins with `label`."""
    header = read_header(data, label)
    if header.dtype.kind not in _PLAIN_KINDS or header.dtype.hasobject:
        kind = "Python objects" if header.dtype.hasobject else header.dtype
        raise InnerfaceError(f"{label}: has {kind} instead of plain numbers; save it as numbers")
    return array_from_bytes(data[header.offset :], header.dtype, header.shape, fortran=header.fortran, label=label)


def array_from_bytes(raw: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], *, fortran: bool, label: str) -> Array:
    """Array of these bytes, whose number must match type and shape. Raises InnerfaceError that begins with `label`."""
    if any(n < 0 for n in shape) or len(shape) > _MAX_DIMENSIONS or math.prod(shape) * dtype.itemsize != len(raw):
        raise InnerfaceError(f"{label}: damaged: shape {shape} of {dtype}, but {len(raw)} bytes; get the file again")
    if not len(raw):
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


def read_npz(path: Path, wanted: Iterable[str]) -> dict[str, Array]:
    """Read the wanted arrays that the archive has. Raises InnerfaceError."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path, LIMIT))) as archive:
            sizes = {i.filename: i.file_size for i in archive.infolist()}
            available = {key: f"{key}.npy" for key in wanted if f"{key}.npy" in sizes}
            if sum(sizes[name] for name in available.values()) > _MAX_UNPACKED:
                raise InnerfaceError(
                    f"{path}: arrays of more than {_MAX_UNPACKED >> 30} GiB, too large for FLAME; get the original file"
                )
            return {key: read_npy(archive.read(name), f"{path}: {key}") for key, name in available.items()}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise InnerfaceError(f"{path}: not a complete .npz ({error}); get or save it again") from None
