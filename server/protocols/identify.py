"""What a datagram is that a port did not expect, and what its sender is to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import device, ifacialmocap, live_link_face, osc, slimevr

_MAX_TEXT = 32
_HTTP_STARTS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"HTTP/1.", b"PRI * HTTP/2")
_DISCOVERY_STARTS = (b"M-SEARCH ", b"NOTIFY * ")
_LZ4_MAGIC, _TLS_START = b"\x04\x22\x4d\x18", b"\x16\x03"
_SLIMEVR_MAX_KIND = 255
_OTHER_MODE = "choose the mode Live Link (ARKit) in the app"
_NO_ARKIT = "it is not read: let the program send VMC, or use Live Link Face or iFacialMocap"
# By the beginning of an OSC address: what sends it, the source that reads it, and what to change where none does.
_OSC_SENDERS = (
    ("/VMC/", "VMC", "vmc", ""),
    ("/innerface/", "Innerface's commands by OSC", "osc", ""),
    ("/avatar/", "VRChat's avatar parameters by OSC", "", _NO_ARKIT),
    ("/tracking/", "VRChat's trackers by OSC", "", _NO_ARKIT),
    ("/W", "Face Cap by OSC", "", _NO_ARKIT),
    ("/HR", "Face Cap by OSC", "", _NO_ARKIT),
    ("/HT", "Face Cap by OSC", "", _NO_ARKIT),
    ("/visage", "visage by OSC", "", _NO_ARKIT),
)


@dataclass(frozen=True)
class Identity:
    """What a datagram is.

    Attributes
    ----------
    what
        What its sender sends, as a noun phrase.
    source
        The kind of source that reads it, "" if none does.
    advice
        What to change, for whom no other source helps.
    """

    what: str
    source: str = ""
    advice: str = "let its sender use another port"


def identify(data: bytes) -> Identity:
    """Return what a datagram is; any bytes are something."""
    if not data:
        return Identity("empty packets")
    for recognise in _RECOGNISERS:
        found = recognise(data)
        if found is not None:
            return found
    text = data[:_MAX_TEXT].decode("utf-8", "replace")
    if text.count("\ufffd") <= 1 and all(c.isprintable() or c.isspace() for c in text):
        return Identity(f"text that begins '{_printable(text)}'")
    return Identity(f"packets of {len(data)} bytes that begin {data[:4].hex(' ')}")


def _osc(data: bytes) -> Identity | None:
    if data[:1] != b"/" and data[:8] != b"#bundle\0":
        return None
    messages = osc.parse_messages(data)
    address = messages[0][0] if messages else data.split(b"\0")[0].decode("utf-8", "replace")
    for start, what, source, advice in _OSC_SENDERS:
        if address.startswith(start):
            return Identity(what, source, advice)
    return Identity(f"OSC of another kind ({_printable(address)})")


def _live_link_face(data: bytes) -> Identity | None:
    if live_link_face.parse(data) is not None:
        return Identity("packets of Live Link Face", "livelinkface")
    offset = 1
    for _ in range(2):  # the device's ID and the subject
        size = int.from_bytes(data[offset : offset + 4], "big")
        if not 0 < data[0] < 32 or len(data) < offset + 4 or not 0 < size <= min(512, len(data) - offset - 4):
            return None
        offset += 4 + size
    if data[0] != live_link_face.VERSION:
        what = (
            f"packets of Live Link Face in another mode or version (first byte {data[0]}, not {live_link_face.VERSION})"
        )
        return Identity(what, "", _OTHER_MODE)
    return Identity(
        "packets of Live Link Face that are cut off or have another number of values than 61", "", _OTHER_MODE
    )


def _metahuman_animator(data: bytes) -> Identity | None:
    """Version and length of the subject as u16 in either byte order, then the subject."""
    for order in ("big", "little"):
        version, size = int.from_bytes(data[:2], order), int.from_bytes(data[2:4], order)  # pyright: ignore[reportArgumentType]
        subject = data[4 : 4 + size]
        is_text = subject.decode("utf-8", "replace").isprintable() and b"\xef\xbf\xbd" not in subject
        if 0 < version < 32 and 0 < size <= 128 and len(data) >= 4 + size + 18 and is_text:
            return Identity("packets of Live Link Face in its mode MetaHuman Animator", "", _OTHER_MODE)
    return None


def _innerface(data: bytes) -> Identity | None:
    if data[:2] == device.MAGIC:
        return Identity("packets of an Innerface device", "device")
    if data[:2] == b"IW":
        return Identity("faces of another bridge", "bridge")
    return None


def _slimevr(data: bytes) -> Identity | None:
    if data[:13] == slimevr.HANDSHAKE_REPLY[:13]:
        return Identity("packets of a SlimeVR server", "", "end that server, or let it use another port")
    if slimevr.parse(data) is None or not 0 < data[3] <= _SLIMEVR_MAX_KIND:
        return None
    return Identity("packets of a SlimeVR tracker", "slimevr")


def _phone_text(data: bytes) -> Identity | None:
    if data.startswith((ifacialmocap.START[:13], ifacialmocap.FACEMOTION3D_START)):
        return Identity("a request to a phone for its face", "", "give the phone's address to the program that asks")
    if ifacialmocap.parse(data) is not None or (b"|=head#" in data and b"-" in data + data.replace(b"&", b"-")):
        return Identity("frames of iFacialMocap", "ifacialmocap")
    return None


def _json(data: bytes) -> Identity | None:
    body = data.lstrip()
    if data[:4] == _LZ4_MAGIC:
        return Identity("compressed data (LZ4), as Rokoko Studio sends", "", _NO_ARKIT)
    if body[:1] not in (b"{", b"["):
        return None
    if b"BlendShapes" in body:
        return Identity("JSON of VTube Studio's phone app or MeowFace", "", _NO_ARKIT)
    if b'"actors"' in body or b'"faces"' in body:
        return Identity("JSON of Rokoko Studio", "", _NO_ARKIT)
    return Identity("JSON", "", _NO_ARKIT)


def _other_text(data: bytes) -> Identity | None:
    if data.startswith(_HTTP_STARTS) or data[:2] == _TLS_START:
        return Identity(
            "requests of a web browser or another HTTP client", "", "open the control page's address instead"
        )
    if data.startswith(_DISCOVERY_STARTS):
        return Identity("a search for devices of the network (SSDP)", "", "it means nothing here")
    if data[:64].lower().lstrip(b"\xef\xbb\xbf").startswith(b"timecode,") or b"BlendshapeCount" in data[:128]:
        return Identity("lines of a CSV take", "", "open the file as a take instead")
    return None


_RECOGNISERS: tuple[Callable[[bytes], Identity | None], ...] = (
    _innerface,
    _osc,
    _other_text,
    _json,
    _phone_text,
    _live_link_face,
    _slimevr,
    _metahuman_animator,
)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_TEXT]).strip()
