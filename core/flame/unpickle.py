"""Read arrays from FLAME's pickles without executing anything that a pickle refers to, not even NumPy's functions.

Every known global becomes an inert class that only records its arguments; afterwards the arrays are assembled from
these records, with every size checked. Unknown globals are refused by name.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..file_kinds import refuse_other_kind_of
from ..numerics.npz import NpzArchive, array_from_bytes, read_header
from ..text_damage import has_crlf_for_lf, text_damage

_ALLOWED_GLOBALS = re.compile(
    r"numpy\.(_?core\.multiarray\.(_reconstruct|scalar)|_?core\.numeric\._frombuffer|ndarray|dtype)"
    r"|scipy\.sparse(\._?(csc|csr|coo))?\.(csc|csr|coo)_(matrix|array)"
    r"|chumpy(\.\w+)*\.\w+"
    r"|_codecs\.encode|copy_?reg\._reconstructor|(__builtin__|builtins)\.(object|set|bytearray)"
    r"|collections\.OrderedDict"
    r"|torch\.(_utils\._rebuild_tensor_v2|storage\._load_from_bytes)"
)
_REFUSED_OPCODES = {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"}
_BOM = b"\xef\xbb\xbf"
_PICKLE_STARTS = (b"\x80", b"(", b"c", b"}", b"]")  # of any protocol
# FLAME's pickles have a few hundred opcodes; numbers of one hash make a dictionary quadratic.
_MAX_OPCODES = 10_000
_KEY_TYPES = {"str", "bytes", "bytes_or_str", "int", "bool", "int_or_bool"}  # hashing nested tuples takes for ever
_SETS = {"ADDITEMS", "FROZENSET"}
_MAX_DENSE_ENTRIES = 5_000_000  # of a joint regressor
_PLAIN_DTYPE = re.compile(r"[biuf][1248]")


class _InertObject:
    """Record of an object in a pickle: its class (`source`), the `args` of its constructor and its `state`."""

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
            shown = f"{module[:60]}.{name[:60]}".encode("unicode_escape").decode()
            if "\r" in module + name:
                raise InnerfaceError(
                    f"{self.label}: is damaged: the line ends of some of its lines were changed, as of '{shown}'; "
                    "get it again in binary mode"
                )
            raise InnerfaceError(
                f"{self.label}: refused, since it refers to {shown}, "
                "and FLAME files hold only arrays; get the original file"
            )
        return type("Inert", (_InertObject,), {"source": f"{module}.{name}"})


def read_arrays(data: bytes, path: Path, wanted: Iterable[str]) -> dict[str, Array]:
    """Read the wanted arrays of a file: an `.npz`, a pickle or a `.npy`. Raises InnerfaceError that names `path`."""
    refuse_other_kind_of(data, path)
    if not data.startswith(b"PK"):
        return read_pickle(data, path, wanted)
    archive = NpzArchive(data, path)
    return {key: archive.read(key) for key in wanted if key in archive.names}


def read_pickle(data: bytes, path: Path, wanted: Iterable[str]) -> dict[str, Array]:
    """Read the wanted arrays of a pickled dict, or of a `.npy` that contains one; sparse matrices become dense.

    Raises InnerfaceError for anything but a pickled dict of arrays.
    """
    entries = _read_dict(data, path)
    return {key: _to_array(entries[key], f"{path}: {key}") for key in wanted if key in entries}


def read_chosen(
    data: bytes, path: Path, choose: Callable[[list[str]], Iterable[str]]
) -> tuple[dict[str, Array], list[str]]:
    """Read the arrays that `choose` picks of the names in a pickled dict; and all names.

    What lies in dicts inside has names such as `flame/exp`. Raises InnerfaceError as `read_pickle` does.
    """
    entries: dict[str, Any] = {}
    for key, value in _read_dict(data, path).items():
        if isinstance(value, dict):
            entries |= {f"{key}/{k}": v for k, v in cast("dict[Any, Any]", value).items() if isinstance(k, str)}
        elif isinstance(key, str):
            entries[key] = value
    names = list(entries)
    return {key: _to_array(entries[key], f"{path}: {key}") for key in choose(names)}, names


def _read_dict(data: bytes, path: Path) -> dict[Any, Any]:
    """The pickled dict with inert objects for its arrays. Raises InnerfaceError for anything else."""
    if data.startswith(b"\x93NUMPY"):
        header = read_header(data, str(path))
        if header.dtype != np.dtype(object) or header.shape not in ((), (1,)):
            raise InnerfaceError(
                f"{path}: has {header.dtype} of shape {header.shape} instead of a dict of arrays; "
                "give the file as it was downloaded"
            )
        data = data[header.offset :]
    data = _undo_text_transfer(data)
    if data[:1] not in _PICKLE_STARTS:
        raise InnerfaceError(f"{path}: neither an .npz nor a pickle; give a FLAME file as it was downloaded")
    contents = _load(data, str(path))
    if isinstance(contents, _InertObject) and contents.source.endswith("_reconstruct"):
        contents = _only_element(contents.state)
    if not isinstance(contents, dict):
        raise InnerfaceError(f"{path}: a pickle, but not of a dict of arrays; give the file as it was downloaded")
    return cast("dict[Any, Any]", contents)


def _undo_text_transfer(data: bytes) -> bytes:
    """The pickle without an editor's byte-order mark, and with LF where each LF had become CRLF."""
    data = data.removeprefix(_BOM)
    is_text = not data.startswith(b"\x80")
    if has_crlf_for_lf(data) or (is_text and 0 < data.count(b"\n") == data.count(b"\r\n")):
        return data.replace(b"\r\n", b"\n")
    return data


def _damage(data: bytes) -> str:
    """Why a pickle cannot be read, and the remedy."""
    if damage := text_damage(data, unreadable=True):
        return f"is a damaged pickle: {damage}"
    if not data.rstrip(b"\r\n\0 ").endswith(pickle.STOP):
        return "is a pickle that is cut off; get the whole file again"
    return ""


def _only_element(state: Any) -> Any:
    """The element of a pickled array of one object; None for any other state."""
    if not isinstance(state, tuple):
        return None
    fields = cast("tuple[Any, ...]", state)
    if len(fields) != 5 or not isinstance(fields[4], list):
        return None
    elements = cast("list[Any]", fields[4])
    return elements[0] if len(elements) == 1 else None


def _load(data: bytes, label: str) -> Any:
    """Unpickle, with inert objects for all that is not a number, text, list, tuple or dict."""
    try:
        _check_opcodes(data, label)
        return _Unpickler(data, label).load()
    except InnerfaceError:
        raise
    except Exception as error:  # a damaged pickle can raise any exception
        reason = _damage(data) or f"not a complete pickle ({type(error).__name__}); get the file again"
        raise InnerfaceError(f"{label}: {reason}") from None


def _check_opcodes(data: bytes, label: str) -> None:
    """Refuse harmful opcodes before unpickling: large memo indices, registry look-ups, odd keys of dictionaries."""
    stack = _TypeStack()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(data), start=1):
        large_memo = opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > _MAX_OPCODES
        if count > _MAX_OPCODES:
            raise InnerfaceError(
                f"{label}: refused, since its pickle has more than {_MAX_OPCODES} steps, and FLAME's a few hundred; "
                "get the original file"
            )
        if opcode.name in _REFUSED_OPCODES or large_memo:
            raise InnerfaceError(
                f"{label}: refused, since its pickle uses {opcode.name} as no FLAME file does; get the original file"
            )
        hashed = stack.hashed_by(opcode.name)
        if not hashed <= _KEY_TYPES:
            raise InnerfaceError(
                f"{label}: refused, since its pickle has {', '.join(sorted(hashed - _KEY_TYPES))} as keys, "
                "as no FLAME file does; get the original file"
            )
        stack.push(opcode, argument)


class _TypeStack:
    """Types of what an unpickler has on its stack, as `pickletools` describes opcodes."""

    def __init__(self) -> None:
        self._types: list[str] = []
        self._memo: dict[int, str] = {}

    def hashed_by(self, opcode: str) -> set[str]:
        """Types that become keys of dictionaries or members of sets."""
        if opcode == "SETITEM":
            return set(self._types[-2:-1])
        if opcode not in ("SETITEMS", "DICT", *_SETS) or "mark" not in self._types:
            return set()
        mark = len(self._types) - 1 - self._types[::-1].index("mark")
        return set(self._types[mark + 1 :: 1 if opcode in _SETS else 2])

    def push(self, opcode: Any, argument: Any) -> None:
        """Do what an opcode does. Raises ValueError where the stack is too short."""
        if "MEMO" in opcode.name or "PUT" in opcode.name:
            self._memo[len(self._memo) if argument is None else argument] = self._types[-1]
            return
        before, after = opcode.stack_before, [t.name for t in opcode.stack_after]
        if pickletools.markobject in before:
            mark = len(self._types) - 1 - self._types[::-1].index("mark")
            del self._types[mark:]
            before = before[: before.index(pickletools.markobject)]
        if len(before) > len(self._types):
            raise ValueError("the stack is too short")
        top = self._types[-1] if opcode.name == "DUP" else ""
        if before:
            del self._types[-len(before) :]
        if top:
            after = [top, top]
        elif "GET" in opcode.name:
            after = [self._memo.get(int(argument), "any")]
        self._types += after


def _to_array(value: Any, label: str, depth: int = 0) -> Array:
    """Assemble an array from its record. Raises InnerfaceError that begins with `label`."""
    source = value.source if isinstance(value, _InertObject) else ""
    try:
        if isinstance(value, int | float):
            return np.array(value, dtype=np.float64)
        if source.endswith("._reconstructor"):  # how Python 2 pickles objects: class, base, None
            if not issubclass(value.args[0], _InertObject):
                raise TypeError("not an array")
            instance = value.args[0]()
            instance.state = value.state
            return _to_array(instance, label, depth + 1)
        if source.endswith("multiarray._reconstruct"):
            shape, dtype, fortran, raw = value.state[-4:]
            return array_from_bytes(_raw(raw), _dtype(dtype), _shape(shape), fortran=bool(fortran), label=label)
        if source.endswith("numeric._frombuffer"):
            raw, dtype, shape, order = value.args
            return array_from_bytes(_raw(raw), _dtype(dtype), _shape(shape), fortran=order == "F", label=label)
        if source.endswith("multiarray.scalar"):
            return array_from_bytes(_raw(value.args[1]), _dtype(value.args[0]), (), fortran=False, label=label)
        if source.startswith("scipy.sparse") and depth < 4:
            return _to_dense(
                {k: v for k, v in value.state.items() if isinstance(k, str)},
                form=source.rpartition(".")[2][:3],
                label=label,
                depth=depth,
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
        f"{label}: {source or type(value).__name__} instead of an array of numbers; get the original file"
    )


def _to_dense(parts: dict[str, Any], *, form: str, label: str, depth: int) -> Array:
    """Dense array of a sparse matrix (`form` csc, csr or coo)."""
    rows, columns = _shape(parts.get("_shape", parts.get("shape")))
    values = _to_array(parts["data"], label, depth + 1)
    if rows * columns > _MAX_DENSE_ENTRIES or values.ndim != 1:
        raise ValueError("larger than any joint regressor")
    if form == "coo":
        coordinates = parts.get("coords") or (parts["row"], parts["col"])
        row_indices, column_indices = (_to_array(p, label, depth + 1).astype(np.int64) for p in coordinates)
    else:
        column_indices, pointers = (
            _to_array(parts[k], label, depth + 1).astype(np.int64) for k in ("indices", "indptr")
        )
        line_count = columns if form == "csc" else rows
        if pointers.shape != (line_count + 1,) or pointers[0] != 0 or pointers[-1] != len(values):
            raise ValueError("index pointers do not match")
        row_indices = np.repeat(np.arange(line_count), np.diff(pointers))  # raises for decreasing pointers
        row_indices, column_indices = (column_indices, row_indices) if form == "csc" else (row_indices, column_indices)
    if (
        row_indices.shape != values.shape
        or column_indices.shape != values.shape
        or (row_indices < 0).any()
        or (row_indices >= rows).any()
        or (column_indices < 0).any()
        or (column_indices >= columns).any()
    ):
        raise ValueError("entries out of range")
    out = np.zeros((rows, columns))
    np.add.at(out, (row_indices, column_indices), values)
    return out


def _dtype(value: Any) -> np.dtype[Any]:
    """NumPy type of plain numbers. Raises ValueError for any other."""
    name, order = value.args[0], value.state[1] if value.state else "="
    if value.source != "numpy.dtype" or not _PLAIN_DTYPE.fullmatch(name) or order not in ("<", ">", "|", "="):
        raise ValueError("not a plain number type")
    return np.dtype(name).newbyteorder(order)


def _shape(value: Any) -> tuple[int, ...]:
    """Shape of an array. Raises ValueError for anything else."""
    sizes = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (None,)
    if not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in sizes):
        raise ValueError("not a shape")
    return tuple(int(n) for n in sizes if n is not None)


def _raw(value: Any) -> bytes:
    """Bytes of an array, as any version of Python pickles them."""
    if isinstance(value, _InertObject) and value.source in (
        "_codecs.encode",
        "__builtin__.bytearray",
        "builtins.bytearray",
    ):
        value = value.args[0]
    if not isinstance(value, str | bytes | bytearray):
        raise TypeError("not bytes")
    return value.encode("latin1") if isinstance(value, str) else bytes(value)
