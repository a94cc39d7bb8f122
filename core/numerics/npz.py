"""Read plain arrays from untrusted `.npy` and `.npz` files: without pickles, and no larger than they may be.

The sizes that an archive's directory and the arrays' headers claim are compared with each other and with a limit before
anything is unpacked.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import read_bytes, reading
from ..text_damage import text_damage

MAX_FILE_BYTES = 256 << 20
MAX_NUMBERS = 16_000_000  # of all arrays that are read from one file; FLAME models have 7 million
_MAX_DIMENSIONS = 8
_MAX_HEADER_BYTES = 1 << 16
_PLAIN_KINDS = "biufU"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes
_DAMAGED = "get or save the file again"


@dataclass(frozen=True)
class NpyHeader:
    """Header of a `.npy`: `shape`, `fortran` order, `dtype`, and the `offset` of the values in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def numbers(self) -> int:
        """How many numbers of 8 bytes the values may become."""
        return max(math.prod(self.shape), self.size // 8)


def read_header(data: bytes, label: str) -> NpyHeader:
    """Read the header of a `.npy`. Raises InnerfaceError that begins with `label`."""
    stream = io.BytesIO(data)
    npy_format: Any = np.lib.format
    with reading(label, "get the file again"):
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        shape, fortran, dtype = readers[npy_format.read_magic(stream)](stream)
        if len(shape) > _MAX_DIMENSIONS or any(n < 0 for n in shape):
            raise ValueError(f"shape {shape}")
        return NpyHeader(shape, fortran, dtype, stream.tell())


def array_from_bytes(raw: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], *, fortran: bool, label: str) -> Array:
    """Array of these bytes, whose number must match type and shape. Raises InnerfaceError that begins with `label`."""
    if any(n < 0 for n in shape) or len(shape) > _MAX_DIMENSIONS or math.prod(shape) * dtype.itemsize != len(raw):
        raise InnerfaceError(f"{label}: damaged: shape {shape} of {dtype}, but {len(raw)} bytes; get the file again")
    if not len(raw):
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


class NpzArchive:
    """Arrays of an `.npz`, each unpacked when it is read. Raises InnerfaceError for what is not one.

    Attributes
    ----------
    names : of the arrays.
    """

    def __init__(self, content: bytes, path: str | Path) -> None:
        self._path, self._numbers_left = path, MAX_NUMBERS
        with reading(path, text_damage(content, unreadable=True) or _DAMAGED):
            self._archive = zipfile.ZipFile(io.BytesIO(content))
            members = {i.filename: i for i in self._archive.infolist()}
        self._members = {k.removesuffix(".npy"): i for k, i in members.items() if k.endswith(".npy")}
        self.names = frozenset(self._members)

    def read(self, name: str) -> Array:
        """An array of numbers or texts. Raises InnerfaceError that names it; KeyError where there is none."""
        member, label = self._members[name], f"{self._path}: {name}"
        if member.compress_type not in _METHODS:
            raise InnerfaceError(f"{label}: is packed as no .npz is; get or save the file again")
        with reading(label, _DAMAGED):
            with self._archive.open(member) as source:
                header = read_header(source.read(_MAX_HEADER_BYTES), label)
            self._check(header, member.file_size, label)
            raw = self._archive.read(member)[header.offset :]
        return array_from_bytes(raw, header.dtype, header.shape, fortran=header.fortran, label=label)

    def _check(self, header: NpyHeader, claimed: int, label: str) -> None:
        if header.dtype.kind not in _PLAIN_KINDS or header.dtype.hasobject:
            kind = "Python objects" if header.dtype.hasobject else header.dtype
            raise InnerfaceError(f"{label}: has {kind} instead of plain numbers; save it as numbers")
        if header.offset + header.size != claimed:
            raise InnerfaceError(
                f"{label}: damaged: shape {header.shape} of {header.dtype}, but {claimed - header.offset} bytes; "
                "get the file again"
            )
        self._numbers_left -= header.numbers
        if self._numbers_left < 0:
            raise InnerfaceError(
                f"{label}: has shape {header.shape}, and a file's arrays may have {MAX_NUMBERS:,} numbers together; "
                "get the original file"
            )


def read_npz(path: str | Path, wanted: Iterable[str]) -> dict[str, Array]:
    """Read the wanted arrays that the archive has. Raises InnerfaceError."""
    archive = NpzArchive(read_bytes(path, MAX_FILE_BYTES), path)
    return {name: archive.read(name) for name in wanted if name in archive.names}
