"""Plain arrays out of files of strangers: `.npy` and `.npz`, without NumPy's pickles and without believing a header's sizes."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..files import read_bytes

LIMIT = 512 << 20  # bytes of a file that are read
_MAX_UNPACKED = 2 << 30  # bytes that the arrays of an archive may unpack to
_PLAIN_KINDS = "biufU"


def read_header(data: bytes, label: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether in Fortran's order, type, and where the values begin, of a `.npy`. Raises InnerfaceError that begins with `what`."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_array_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
            version
        ]
        return *read_array_header(stream), stream.tell()
    except (ValueError, KeyError, TypeError, SyntaxError, EOFError, RecursionError, MemoryError):
        raise InnerfaceError(f"{label}: is not a readable array; get the file again") from None


def read_npy(data: bytes, label: str) -> np.ndarray:
    """The array of a `.npy`: numbers or texts. Raises InnerfaceError that begins with `what`."""
    shape, fortran, dtype, start = read_header(data, label)
    if dtype.kind not in _PLAIN_KINDS or dtype.hasobject:
        raise InnerfaceError(
            f"{label}: holds {'Python objects' if dtype.hasobject else dtype}, not plain numbers; save it as numbers"
        )
    return array_from_bytes(data[start:], dtype, shape, fortran, label)


def array_from_bytes(raw: bytes, dtype: np.dtype, shape: tuple[int, ...], fortran: bool, label: str) -> np.ndarray:
    """An array over its bytes, whose number must be what type and shape ask for. Raises InnerfaceError."""
    if any(n < 0 for n in shape) or len(shape) > 8 or math.prod(shape) * dtype.itemsize != len(raw):
        raise InnerfaceError(
            f"{label}: says shape {shape} of {dtype} but holds {len(raw)} bytes; the file is damaged, get it again"
        )
    if not len(raw):
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


def read_npz(path: Path, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that the archive has. Raises InnerfaceError."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path, LIMIT))) as archive:
            sizes = {i.filename: i.file_size for i in archive.infolist()}
            available = {key: f"{key}.npy" for key in wanted if f"{key}.npy" in sizes}
            if sum(sizes[name] for name in available.values()) > _MAX_UNPACKED:
                raise InnerfaceError(
                    f"{path}: its arrays unpack to more than {_MAX_UNPACKED >> 30} GiB; this is no file of a face"
                )
            return {key: read_npy(archive.read(name), f"{path}: {key}") for key, name in available.items()}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise InnerfaceError(f"{path}: is not a whole .npz ({error}); get or save it again") from None
