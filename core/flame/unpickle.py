"""Arrays out of FLAME's pickles without running anything that a pickle asks for, NumPy's own functions included.

Every global that is known becomes an inert class, which only remembers what it was called with; afterwards the arrays are put together from
these notes, with every size checked. Globals that are not known are refused by name.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InnerfaceError
from ..files import read_bytes
from .arrays import LIMIT, array_from_bytes, read_header

_ALLOWED_GLOBALS = re.compile(
    r"numpy\.(_?core\.multiarray\.(_reconstruct|scalar)|_?core\.numeric\._frombuffer|ndarray|dtype)"
    r"|scipy\.sparse(\._?(csc|csr|coo))?\.(csc|csr|coo)_(matrix|array)"
    r"|chumpy(\.\w+)*\.\w+"
    r"|_codecs\.encode|copy_?reg\._reconstructor|(__builtin__|builtins)\.(object|set|bytearray)|collections\.OrderedDict"
    r"|torch\.(_utils\._rebuild_tensor_v2|storage\._load_from_bytes)"
)
_REFUSED_OPCODES = {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"}
_PICKLE_STARTS = (b"\x80", b"(", b"c", b"}", b"]")  # of pickles of any protocol
_MAX_OPCODES, _MAX_TUPLES = (
    50_000,
    5_000,
)  # FLAME's have some hundred; deep tuples overflow the C stack where they are hashed
_PLAIN_DTYPE = re.compile(r"[biuf][1248]")


class _InertObject:
    """What a pickle wanted made: `source` (class), the `args` it was to be made with, and the `state` to be put in."""

    source = ""
    args: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any, **_: Any) -> _InertObject:
        instance = super().__new__(cls)
        instance.args = args
        return instance

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, label: str) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.label = label

    def find_class(self, module: str, name: str) -> type:
        if not _ALLOWED_GLOBALS.fullmatch(f"{module}.{name}"):
            raise InnerfaceError(
                f"{self.label}: asks for {module[:60]}.{name[:60]}; it is refused, for a face's file needs only arrays: get the original file"
            )
        return type("Inert", (_InertObject,), {"source": f"{module}.{name}"})


def read_pickle(path: Path, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that a pickled dict has; also of a `.npy` around such a dict. Sparse matrices come dense.

    Raises InnerfaceError for what is not a pickled dict of arrays, and for pickles that ask for anything else.
    """
    data = read_bytes(path, LIMIT)
    if data.startswith(b"\x93NUMPY"):
        shape, _, array_type, start = read_header(data, str(path))
        if array_type != np.dtype(object) or shape not in ((), (1,)):
            raise InnerfaceError(
                f"{path}: holds {array_type} of shape {shape}, not a dict of arrays; give the file as it was downloaded"
            )
        data = data[start:]
    if data[:1] not in _PICKLE_STARTS:
        raise InnerfaceError(f"{path}: is neither an .npz nor a pickle; give a FLAME file as it was downloaded")
    contents = _load(data, str(path))
    if (
        isinstance(contents, _InertObject)
        and contents.source.endswith("_reconstruct")
        and isinstance(contents.state, tuple)
        and len(contents.state) == 5
    ):
        contents = contents.state[4][0] if isinstance(contents.state[4], list) and len(contents.state[4]) == 1 else None
    if not isinstance(contents, dict):
        raise InnerfaceError(f"{path}: is a pickle, but not of a dict of arrays; give the file as it was downloaded")
    return {key: _to_array(contents[key], f"{path}: {key}") for key in wanted if key in contents}


def _load(data: bytes, label: str) -> Any:
    """What a pickle holds, with inert notes for all that is no number, text, list, tuple or dict."""
    try:
        _check_opcodes(data, label)
        return _Unpickler(data, label).load()
    except InnerfaceError:
        raise
    except Exception as error:  # a damaged pickle can end in any error of Python's
        raise InnerfaceError(f"{label}: is not a whole pickle ({type(error).__name__}); get the file again") from None


def _check_opcodes(data: bytes, label: str) -> None:
    """Refuse what harms before anything is made: memo positions that ask for memory, nests of tuples, calls into registries."""
    opcode_count = tuple_count = 0
    for opcode, argument, _ in pickletools.genops(data):
        opcode_count, tuple_count = opcode_count + 1, tuple_count + ("TUPLE" in opcode.name)
        large_memo = opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > _MAX_OPCODES
        if opcode.name in _REFUSED_OPCODES or large_memo or opcode_count > _MAX_OPCODES or tuple_count > _MAX_TUPLES:
            raise InnerfaceError(
                f"{label}: its pickle does what no face's file does ({opcode.name}); it is refused: get the original file"
            )


def _to_array(value: Any, label: str, depth: int = 0) -> np.ndarray:
    source = value.source if isinstance(value, _InertObject) else ""
    try:
        if isinstance(value, int | float):
            return np.array(value, dtype=np.float64)
        if source.endswith("._reconstructor"):  # how Python 2 made objects: class, base, nothing
            if not issubclass(value.args[0], _InertObject):
                raise TypeError("no array")
            instance = value.args[0]()
            instance.state = value.state
            return _to_array(instance, label, depth + 1)
        if source.endswith("multiarray._reconstruct"):
            shape, dtype, fortran, raw = value.state[-4:]
            return array_from_bytes(_raw(raw), _dtype(dtype), _shape(shape), bool(fortran), label)
        if source.endswith("numeric._frombuffer"):
            raw, dtype, shape, order = value.args
            return array_from_bytes(_raw(raw), _dtype(dtype), _shape(shape), order == "F", label)
        if source.endswith("multiarray.scalar"):
            return array_from_bytes(_raw(value.args[1]), _dtype(value.args[0]), (), False, label)
        if source.startswith("scipy.sparse") and depth < 4:
            return _to_dense(
                {k: v for k, v in value.state.items() if isinstance(k, str)},
                source.rpartition(".")[2][:3],
                label,
                depth,
            )
        if source.startswith("chumpy.") and depth < 4:
            if source.endswith(".Select"):
                indices = _to_array(value.state["idxs"], label, depth + 1).astype(np.int64).ravel()
                return (
                    _to_array(value.state["a"], label, depth + 1)
                    .ravel()[indices]
                    .reshape(_shape(value.state["preferred_shape"]))
                )
            return _to_array(value.state["x"], label, depth + 1)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, MemoryError, RecursionError):
        source += ", damaged"
    raise InnerfaceError(
        f"{label}: is {source or type(value).__name__}, not an array of numbers; get the original file"
    )


def _to_dense(parts: dict[str, Any], form: str, label: str, depth: int) -> np.ndarray:
    """A sparse matrix with its zeros."""
    rows, columns = _shape(parts.get("_shape", parts.get("shape")))
    values = _to_array(parts["data"], label, depth + 1)
    if rows * columns > 50_000_000 or values.ndim != 1:
        raise ValueError("no joint regressor is so large")
    if form == "coo":
        coordinates = parts.get("coords") or (parts["row"], parts["col"])
        row_indices, column_indices = (_to_array(p, label, depth + 1).astype(np.int64) for p in coordinates)
    else:
        column_indices, pointers = (
            _to_array(parts[k], label, depth + 1).astype(np.int64) for k in ("indices", "indptr")
        )
        line_count = columns if form == "csc" else rows
        if pointers.shape != (line_count + 1,) or pointers[0] != 0 or pointers[-1] != len(values):
            raise ValueError("pointers do not fit")
        row_indices = np.repeat(np.arange(line_count), np.diff(pointers))  # raises where pointers fall
        row_indices, column_indices = (column_indices, row_indices) if form == "csc" else (row_indices, column_indices)
    if (
        row_indices.shape != values.shape
        or column_indices.shape != values.shape
        or (row_indices < 0).any()
        or (row_indices >= rows).any()
        or (column_indices < 0).any()
        or (column_indices >= columns).any()
    ):
        raise ValueError("entries lie outside")
    out = np.zeros((rows, columns))
    np.add.at(out, (row_indices, column_indices), values)
    return out


def _dtype(value: Any) -> np.dtype:
    """A plain number's type."""
    name, order = value.args[0], value.state[1] if value.state else "="
    if value.source != "numpy.dtype" or not _PLAIN_DTYPE.fullmatch(name) or order not in ("<", ">", "|", "="):
        raise ValueError("no plain number")
    return np.dtype(name).newbyteorder(order)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in value):
        raise ValueError("no shape")
    return value


def _raw(value: Any) -> bytes:
    """An array's bytes, as any version of Python pickles them."""
    if isinstance(value, _InertObject) and value.source in (
        "_codecs.encode",
        "__builtin__.bytearray",
        "builtins.bytearray",
    ):
        value = value.args[0]
    if not isinstance(value, str | bytes | bytearray):
        raise TypeError("no bytes")
    return value.encode("latin1") if isinstance(value, str) else bytes(value)
