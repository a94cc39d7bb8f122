"""Kinds of files that are known but cannot be read here, by their content, each with what to do instead.

Signatures: Gary Kessler's table (https://www.garykessler.net/library/file_sigs.html) and the formats' own documents.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from .errors import InnerfaceError
from .files import open_file
from .text_damage import text_damage


@dataclass(frozen=True)
class FileKind:
    """A kind of file: its `name` with an article, and what to do instead of giving it (`remedy`)."""

    name: str
    remedy: str


_HEAD_BYTES = 1 << 16
_UNPACK = "unpack it, and give the file inside"
_TABLE = "save its table as CSV, and give that"
_DATABASE = "export its table as CSV, and give that"
_VIDEO = "give what a tracker of the face made of it (Live Link Face's CSV, OpenFace's CSV)"
_SOUND = "it can only be a take's sound: give the take"
_PICTURE = "give a take: a table of channels over time"
_SCENE = "import it into Blender (File > Import), save a .blend, and run: innerface convert FILE.blend OUT.csv"
_SIGNALS = "export it as EDF or BDF (EEGLAB: File > Export; Python: mne.io.read_raw(FILE).export('take.edf'))"
_DOWNLOAD = "download the file itself"
_BINARY = "copy it again in binary mode"
_DAMAGED_NAME = "which was taken for text on its way"

# By the first bytes, in this order; patterns are matched at the start.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    # In place of the file.
    (rb"version https://git-lfs\.github\.com/spec/", "a pointer of Git LFS in place of the file", "run: git lfs pull"),
    (
        rb"(\.\./)*(\.git/annex|/annex)/objects/",
        "a pointer of git-annex in place of the file",
        "run: git annex get FILE",
    ),
    (
        rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}>\s*)?(<!--.{0,500}-->\s*)?<(!doctype html|html|head|body|script)",
        "a web page (of a failed download, or a site that asks to sign in)",
        _DOWNLOAD,
    ),
    (rb"\s*(<\?xml[^>]{0,200}>\s*)?<Error>", "an error message of a web server", _DOWNLOAD),
    (
        rb"\[InternetShortcut\]|L\0\0\0\x01\x14\x02\0|book\0\0\0\0mark",
        "a link to a file",
        "give the file that it leads to",
    ),
    (rb'\s*\{"(url|doc_id|)"\s*:\s*"(https://docs\.google|WARNING)', "a link to Google Drive", _DOWNLOAD),
    (rb"\0\x05\x16\x07", "macOS's companion of a file, without its content", "give the file whose name lacks the ._"),
    (rb"\0{64}", "empty: all its first bytes are zero", "copy or record it again"),
    # Packed.
    (rb"PK\x05\x06", "an empty ZIP archive", _UNPACK),
    (rb"BZh[1-9]1AY", "packed by bzip2", _UNPACK),
    (rb"\xfd7zXZ\0", "packed by xz", _UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (rb".{257}ustar", "a tar archive", _UNPACK),
    # Tables and documents.
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file (.xls, .doc)", _TABLE),
    (rb"PAR1", "a Parquet table", "export it as CSV (pandas.read_parquet(FILE).to_csv('take.csv', index=False))"),
    (rb"ARROW1|FEA1", "an Arrow table", "export it as CSV (pandas.read_feather(FILE).to_csv('take.csv', index=False))"),
    (rb"SQLite format 3\0", "an SQLite database", _DATABASE),
    (rb"%PDF-", "a PDF document", _PICTURE),
    (rb"\{\\rtf", "a formatted text (RTF)", "save it as plain text"),
    # Video, sound, pictures.
    (rb"....ftyp(heic|heix|mif1|avif)", "a picture (HEIC)", _PICTURE),
    (rb"....ftypM4[AB]", "a sound (M4A)", _SOUND),
    (rb"....(ftyp|mdat)|\0...(moov|wide|free|skip|pnot)", "a video (MP4 or MOV)", _VIDEO),
    (rb"\x1aE\xdf\xa3", "a video (Matroska or WebM)", _VIDEO),
    (rb"RIFF....AVI ", "a video (AVI)", _VIDEO),
    (rb"(RIFF|RF64|BW64)....WAVE", "a sound (WAV)", _SOUND),
    (rb"fLaC|OggS|ID3[\x02-\x04]|FORM....AIF[FC]|\xff[\xfb\xf3\xf2]", "a sound", _SOUND),
    (
        rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|8BPS|v/1\x01|RIFF....WEBP",
        "a picture",
        _PICTURE,
    ),
    # Scenes and motion of the body.
    (rb"Kaydara FBX Binary|; FBX [\d.]+ project file", "an FBX", _SCENE),
    (rb"glTF[\x01\x02]\0\0\0", "a GLB", _SCENE),
    (rb'\s*\{\s*"(asset|accessors|extensionsUsed)"\s*:', "a glTF", _SCENE),
    (rb"PXR-USDC|#usda ", "a USD scene", _SCENE),
    (rb"Ogawa[\xff\0]", "an Alembic scene", _SCENE),
    (rb"\s*HIERARCHY\s+ROOT", "a BVH, motion of a body's bones without a face's channels", _SCENE),
    (rb"PathFileType\s+\d", "a TRC, motion of a body's markers", "give a take of a face"),
    (
        rb"[\x01-\x08\x0e-\x10]P.\0",
        "a C3D, motion of markers",
        "export its markers as a .landmarks.csv, or track the face's video instead",
    ),
    # Signals.
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", "export its signals as EDF, or its table as CSV"),
    (
        rb"MATLAB 7\.3 MAT-file|MATLAB 5\.0 MAT-file",
        "a MATLAB file (.mat)",
        "export its signals as EDF or its table as CSV",
    ),
    (rb"GDF [12]\.\d\d", "a GDF recording", _SIGNALS),
    (rb"Brain ?Vision (Data Exchange|V-Amp)", "a BrainVision recording", _SIGNALS),
    (rb"\0\0\0\x64\0\0\0\x1f\0\0\0\x14", "an MNE recording (.fif)", _SIGNALS),
    (rb"Version 3\.0\0", "a Neuroscan recording (.cnt)", _SIGNALS),
    (rb"(BCI2000V= *[\d.]+ )?HeaderLen= *\d", "a BCI2000 recording", _SIGNALS),
    (rb"# OpenSignals Text File Format", "a recording of OpenSignals", "export it as EDF in OpenSignals"),
    (
        rb"(%ST(ART|OP) AT\s+)+[0-9A-F]|[0-9A-F]{2},[0-9A-F]{6}(,[0-9A-F]{6}){3}",
        "a recording of an OpenBCI board's SD card",
        "open it once in OpenBCI's GUI (Playback from SD card), which saves it as OpenBCI-RAW",
    ),
    (rb"#ROSBAG V", "a ROS bag", "record a take in Innerface"),
    # Damaged on the way.
    (rb"\x89MCAP0(\r\r\n|\n)|(\xc2\x89|\xef\xbf\xbd|\xe2\x80\xb0)MCAP0", f"an MCAP file {_DAMAGED_NAME}", _BINARY),
    (rb"(\xc2\x93|\xef\xbf\xbd|\xe2\x80\x9c)NUMPY", f"a NumPy array {_DAMAGED_NAME}", _BINARY),
    (rb"(\xc2\x80|\xef\xbf\xbd|\xe2\x82\xac)[\x02-\x05]", f"a pickle {_DAMAGED_NAME}", _BINARY),
    (rb"(\xc3\xbf|\xef\xbf\xbd)BIOSEMI", f"a BDF file {_DAMAGED_NAME}", _BINARY),
)
_KINDS = tuple(
    (re.compile(pattern, re.DOTALL | (re.IGNORECASE if b"doctype" in pattern else re.NOFLAG)), FileKind(name, remedy))
    for pattern, name, remedy in _SIGNATURES
)
# Files without a signature, by suffix, where the content is no text.
_BINARY_SUFFIXES = {
    ".fdt": FileKind("the samples of an EEGLAB recording (.fdt)", _SIGNALS),
    ".eeg": FileKind("the samples of a BrainVision recording (.eeg)", _SIGNALS),
    ".cnt": FileKind("an EEG recording (.cnt)", _SIGNALS),
    ".onnx": FileKind("a network (.onnx)", "give it as --model, and a take here"),
    ".bin": FileKind("binary data without a description (.bin)", "export the take as CSV"),
    ".raw": FileKind("binary data without a description (.raw)", "export the take as CSV"),
}
_BLEND = FileKind("a .blend", "run: innerface convert FILE.blend OUT.csv")
_EEGLAB = FileKind("an EEGLAB recording (.set)", _SIGNALS)
_ICLOUD = FileKind("iCloud's placeholder of a file", "download the file first (Finder: Download Now)")
_PROPERTY_LIST = FileKind("a property list of macOS", "give a take: a table of channels over time")
# Of archives, by the names of the files inside; the first that fits.
_ARCHIVES: tuple[tuple[str, FileKind], ...] = (
    (r"xl/", FileKind("an Excel workbook (.xlsx)", _TABLE)),
    (r"(word|ppt)/", FileKind("an Office document", _TABLE)),
    (r".*/data\.pkl$", FileKind("a PyTorch file", "save its arrays by numpy.savez, and give that")),
    (r"Index/.*\.iwa$|Index\.zip$", FileKind("a Numbers or Pages document", _TABLE)),
    (r".*\.usd[ac]?$", FileKind("a USD scene (.usdz)", _SCENE)),
)
_OPEN_DOCUMENT = FileKind("an OpenDocument file (.ods)", _TABLE)
_OFFICE = FileKind("an Office document", _TABLE)
_MAX_NAME = 300


def recognise(head: bytes, path: str | Path = "") -> FileKind | None:
    """The kind of a file that cannot be read here, by its first bytes; None for any other file."""
    suffix = Path(path).suffix.lower()
    if head.startswith(b"BLENDER"):
        return _BLEND
    if head.startswith(b"PK\3\4"):
        return _archive_kind(head)
    if head.startswith(b"\x1f\x8b"):
        return _gzip_kind(head)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        blend = suffix.startswith(".blend")
        return _BLEND if blend else FileKind("packed by Zstandard", _UNPACK)
    if head.startswith(b"bplist0"):
        return _ICLOUD if suffix == ".icloud" or b"NSURLName" in head else _PROPERTY_LIST
    for pattern, kind in _KINDS:
        if pattern.match(head):
            return _EEGLAB if suffix == ".set" and head.startswith(b"MATLAB") else kind
    return _BINARY_SUFFIXES.get(suffix) if b"\0" in head else None


def refuse_other_kind_of(content: bytes, path: str | Path) -> None:
    """Raise InnerfaceError, with its remedy, for content of a kind that is known and cannot be read here."""
    kind = recognise(content[:_HEAD_BYTES], path)
    if kind is not None:
        raise InnerfaceError(f"{path}: is {kind.name}; {kind.remedy}")


def refuse_other_kinds(path: str | Path) -> None:
    """As `refuse_other_kind_of`, for a file, of which only the first bytes are read."""
    try:
        with open_file(path) as source:
            head = source.read(_HEAD_BYTES)
    except OSError:
        return  # whoever reads the file says why it cannot be read
    refuse_other_kind_of(head, path)


def is_blend(path: str | Path) -> bool:
    """Whether a file is a .blend, packed or not."""
    try:
        with open_file(path) as source:
            kind = recognise(source.read(_HEAD_BYTES), path)
    except OSError:
        return False
    return kind == _BLEND


def _archive_kind(head: bytes) -> FileKind | None:
    """Kind of a ZIP by the names of the first files in it; None for an archive of arrays (`.npz`)."""
    names = _archived_names(head)
    if any(name.endswith(".npy") for name in names):
        damage = text_damage(head)
        return FileKind("an .npz that is damaged", damage) if damage else None
    if names[:1] == ["mimetype"] and b"opendocument" in head[:200]:
        return _OPEN_DOCUMENT
    for pattern, kind in _ARCHIVES:
        if any(re.match(pattern, name) for name in names):
            return kind
    if "[Content_Types].xml" in names:
        return _OFFICE
    inside = f" of {names[0][:60]}{', ...' if len(names) > 1 else ''}" if names else ""
    return FileKind(f"a ZIP archive{inside}", _UNPACK)


def _archived_names(head: bytes) -> list[str]:
    """Names of the files in an archive whose headers lie in its first bytes."""
    names: list[str] = []
    place = head.find(b"PK\3\4")
    while place >= 0 and len(names) < 50:
        size = int.from_bytes(head[place + 26 : place + 28], "little")
        if size <= _MAX_NAME:
            names.append(head[place + 30 : place + 30 + size].decode("utf-8", "replace"))
        place = head.find(b"PK\3\4", place + 30)
    return names


def _gzip_kind(head: bytes) -> FileKind:
    try:
        start = zlib.decompressobj(wbits=31).decompress(head, 16)
    except zlib.error:
        start = b""
    return _BLEND if start.startswith(b"BLENDER") else FileKind("packed by gzip", _UNPACK)
