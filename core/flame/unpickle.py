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
from .arrays import LIMIT, header, plain

_KNOWN = re.compile(
    r"numpy\.(_?core\.multiarray\.(_reconstruct|scalar)|_?core\.numeric\._frombuffer|ndarray|dtype)"
    r"|scipy\.sparse(\._?(csc|csr|coo))?\.(csc|csr|coo)_(matrix|array)"
    r"|chumpy(\.\w+)*\.\w+"
    r"|_codecs\.encode|copy_?reg\._reconstructor|(__builtin__|builtins)\.(object|set|bytearray)|collections\.OrderedDict"
    r"|torch\.(_utils\._rebuild_tensor_v2|storage\._load_from_bytes)"
)
_REFUSED = {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"}
_BEGINS = (b"\x80", b"(", b"c", b"}", b"]")  # of pickles of any protocol
_OPERATIONS, _TUPLES = 50_000, 5_000  # FLAME's have some hundred; deep tuples overflow the C stack where they are hashed
_PLAIN = re.compile(r"[biuf][1248]")


class _Inert:
    """What a pickle wanted made: `source` (class), the `args` it was to be made with, and the `state` to be put in."""

    source = ""
    args: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any, **_: Any) -> _Inert:
        made = super().__new__(cls)
        made.args = args
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, what: str) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.what = what

    def find_class(self, module: str, name: str) -> type:
        if not _KNOWN.fullmatch(f"{module}.{name}"):
            raise InnerfaceError(f"{self.what}: asks for {module[:60]}.{name[:60]}; it is refused, for a face's file needs only arrays: get the original file")
        return type("Inert", (_Inert,), {"source": f"{module}.{name}"})


def arrays(path: Path, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """Those of the wanted arrays that a pickled dict has; also of a `.npy` around such a dict. Sparse matrices come dense.

    Raises InnerfaceError for what is not a pickled dict of arrays, and for pickles that ask for anything else.
    """
    data = read_bytes(path, LIMIT)
    if data.startswith(b"\x93NUMPY"):
        shape, _, kind, start = header(data, str(path))
        if kind != np.dtype(object) or shape not in ((), (1,)):
            raise InnerfaceError(f"{path}: holds {kind} of shape {shape}, not a dict of arrays; give the file as it was downloaded")
        data = data[start:]
    if data[:1] not in _BEGINS:
        raise InnerfaceError(f"{path}: is neither an .npz nor a pickle; give a FLAME file as it was downloaded")
    found = _load(data, str(path))
    if isinstance(found, _Inert) and found.source.endswith("_reconstruct") and isinstance(found.state, tuple) and len(found.state) == 5:
        found = found.state[4][0] if isinstance(found.state[4], list) and len(found.state[4]) == 1 else None
    if not isinstance(found, dict):
        raise InnerfaceError(f"{path}: is a pickle, but not of a dict of arrays; give the file as it was downloaded")
    return {key: _array(found[key], f"{path}: {key}") for key in wanted if key in found}


def _load(data: bytes, what: str) -> Any:
    """What a pickle holds, with inert notes for all that is no number, text, list, tuple or dict."""
    try:
        _scan(data, what)
        return _Unpickler(data, what).load()
    except InnerfaceError:
        raise
    except Exception as error:  # a damaged pickle can end in any error of Python's
        raise InnerfaceError(f"{what}: is not a whole pickle ({type(error).__name__}); get the file again") from None


def _scan(data: bytes, what: str) -> None:
    """Refuse what harms before anything is made: memo positions that ask for memory, nests of tuples, calls into registries."""
    operations = tuples = 0
    for operation, argument, _ in pickletools.genops(data):
        operations, tuples = operations + 1, tuples + ("TUPLE" in operation.name)
        memo = operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > _OPERATIONS
        if operation.name in _REFUSED or memo or operations > _OPERATIONS or tuples > _TUPLES:
            raise InnerfaceError(f"{what}: its pickle does what no face's file does ({operation.name}); it is refused: get the original file")


def _array(value: Any, what: str, depth: int = 0) -> np.ndarray:
    source = value.source if isinstance(value, _Inert) else ""
    try:
        if isinstance(value, int | float):
            return np.array(value, dtype=np.float64)
        if source.endswith("._reconstructor"):  # how Python 2 made objects: class, base, nothing
            if not issubclass(value.args[0], _Inert):
                raise TypeError("no array")
            made = value.args[0]()
            made.state = value.state
            return _array(made, what, depth + 1)
        if source.endswith("multiarray._reconstruct"):
            shape, kind, fortran, raw = value.state[-4:]
            return plain(_raw(raw), _dtype(kind), _shape(shape), bool(fortran), what)
        if source.endswith("numeric._frombuffer"):
            raw, kind, shape, order = value.args
            return plain(_raw(raw), _dtype(kind), _shape(shape), order == "F", what)
        if source.endswith("multiarray.scalar"):
            return plain(_raw(value.args[1]), _dtype(value.args[0]), (), False, what)
        if source.startswith("scipy.sparse") and depth < 4:
            return _dense({k: v for k, v in value.state.items() if isinstance(k, str)}, source.rpartition(".")[2][:3], what, depth)
        if source.startswith("chumpy.") and depth < 4:
            if source.endswith(".Select"):
                indices = _array(value.state["idxs"], what, depth + 1).astype(np.int64).ravel()
                return _array(value.state["a"], what, depth + 1).ravel()[indices].reshape(_shape(value.state["preferred_shape"]))
            return _array(value.state["x"], what, depth + 1)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, MemoryError, RecursionError):
        source += ", damaged"
    raise InnerfaceError(f"{what}: is {source or type(value).__name__}, not an array of numbers; get the original file")


def _dense(parts: dict[str, Any], form: str, what: str, depth: int) -> np.ndarray:
    """A sparse matrix with its zeros."""
    rows, columns = _shape(parts.get("_shape", parts.get("shape")))
    values = _array(parts["data"], what, depth + 1)
    if rows * columns > 50_000_000 or values.ndim != 1:
        raise ValueError("no joint regressor is so large")
    if form == "coo":
        places = parts.get("coords") or (parts["row"], parts["col"])
        at, along = (_array(p, what, depth + 1).astype(np.int64) for p in places)
    else:
        along, pointers = (_array(parts[k], what, depth + 1).astype(np.int64) for k in ("indices", "indptr"))
        lines = columns if form == "csc" else rows
        if pointers.shape != (lines + 1,) or pointers[0] != 0 or pointers[-1] != len(values):
            raise ValueError("pointers do not fit")
        at = np.repeat(np.arange(lines), np.diff(pointers))  # raises where pointers fall
        at, along = (along, at) if form == "csc" else (at, along)
    if at.shape != values.shape or along.shape != values.shape or (at < 0).any() or (at >= rows).any() or (along < 0).any() or (along >= columns).any():
        raise ValueError("entries lie outside")
    out = np.zeros((rows, columns))
    np.add.at(out, (at, along), values)
    return out


def _dtype(value: Any) -> np.dtype:
    """A plain number's type."""
    name, order = value.args[0], value.state[1] if value.state else "="
    if value.source != "numpy.dtype" or not _PLAIN.fullmatch(name) or order not in ("<", ">", "|", "="):
        raise ValueError("no plain number")
    return np.dtype(name).newbyteorder(order)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in value):
        raise ValueError("no shape")
    return value


def _raw(value: Any) -> bytes:
    """An array's bytes, as any version of Python pickles them."""
    if isinstance(value, _Inert) and value.source in ("_codecs.encode", "__builtin__.bytearray", "builtins.bytearray"):
        value = value.args[0]
    if not isinstance(value, str | bytes | bytearray):
        raise TypeError("no bytes")
    return value.encode("latin1") if isinstance(value, str) else bytes(value)
