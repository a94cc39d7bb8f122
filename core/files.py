"""Writing files whole or not at all, and reading them with clear errors."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import InnerfaceError

_NOT_A_FILE = "is a pipe or a device, not a file"
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


@contextmanager
def atomic_write(path: str | Path, *, mode: int = 0o666) -> Generator[Path]:
    """Yield a temporary path beside `path` that replaces `path` on success and is removed on any error.

    The temporary keeps the suffix, because exporters depend on it. Only the user can read it; the file has `mode`, less
    the umask. Raises InnerfaceError for a folder that cannot be written, and for a pipe or a device, which would be
    replaced.
    """
    target = Path(path)
    if target.is_dir():
        raise InnerfaceError(f"{target}: is a folder; give a file name inside it")
    if target.exists() and not target.is_file():
        raise InnerfaceError(f"{target}: is a pipe or a device, not a file; give another name")
    new_folders = [p for p in (target.parent, *target.parent.parents) if not p.exists()]  # innermost first
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise InnerfaceError(
            f"{target}: cannot write there ({error.strerror}); choose another folder or free the path"
        ) from None
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise InnerfaceError(
            f"{target}: could not be written ({error.strerror}); free space or choose another folder"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
        if not target.exists():  # remove folders that were created in vain
            for folder in new_folders:
                if any(folder.iterdir()):
                    break
                folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def safe_file_name(text: str, allowed: str = "") -> str:
    """Text for use in a file's name: everything but letters, digits, `_`, `-`, spaces and `allowed` becomes `_`.

    Names that Windows keeps for devices (with any suffix) get a `_` before them, as it cannot open such files; spaces
    and dots at the ends, which it drops, are left out.
    """
    name = re.sub(rf"[^\w\- {re.escape(allowed)}]", "_", text).strip(" .")
    return f"_{name}" if _WINDOWS_DEVICE.match(name) else name


def open_file(path: str | Path) -> BinaryIO:
    """Open a file to read it. Raises OSError, also for a pipe or a device: opening one may wait for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
        raise OSError(errno.EINVAL, _NOT_A_FILE, str(path))
    return open(path, "rb")


@contextmanager
def reading(path: str | Path, remedy: str = "it is damaged or no such file: get it again") -> Generator[None]:
    """Turn what libraries raise while they parse a file into one InnerfaceError that begins with `path`.

    Readers pass through it, because a file of strangers can raise anything; the exception stays as the cause. `remedy`
    says what is wrong or what to do.
    """
    try:
        yield
    except InnerfaceError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:80]
        kind = type(error).__name__
        raise InnerfaceError(f"{path}: cannot be read ({kind}{': ' if reason else ''}{reason}); {remedy}") from error


def read_bytes(path: str | Path, limit: int = 2 << 30) -> bytes:
    """Read a whole file of at most `limit` bytes. Raises InnerfaceError if missing, empty, unreadable or a folder."""
    source = Path(path)
    try:
        if source.is_dir():
            raise InnerfaceError(f"{source}: is a folder; choose a take inside it")
        if source.exists() and not source.is_file():
            raise InnerfaceError(f"{source}: {_NOT_A_FILE}; save what comes from it in a file, and give that")
        size = source.stat().st_size
        if size > limit:
            raise InnerfaceError(f"{source}: {size >> 20} MiB exceeds the limit of {limit >> 20} MiB; shorten the take")
        data = source.read_bytes()
    except FileNotFoundError:
        if source.with_name(f".{source.name}.icloud").exists():
            raise InnerfaceError(f"{source}: lies in iCloud only; download it first (Finder: Download Now)") from None
        raise InnerfaceError(f"{source}: no such file; check the path") from None
    except OSError as error:
        raise InnerfaceError(f"{source}: cannot be read ({error.strerror}); check its permissions") from None
    if not data:
        raise InnerfaceError(
            f"{source}: the file is empty, or was not downloaded yet; record, export or download it again"
        )
    return data
