"""Files that are known but not read are named by their content, with what to do instead."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.file_kinds import is_blend
from innerface.core.files import read_bytes
from innerface.core.text_damage import text_damage

VIDEO_BOX = b"\0\0\0\x20"


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.spreadsheet" if name == "mimetype" else "x")
    return out.getvalue()


# What a file begins with, and words that the message has: what it is, and the mend.
OTHER_KINDS = {
    "lfs.csv": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS", "git lfs pull"),
    "page.csv": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page", "download"),
    "page.json": (b"\xef\xbb\xbf<html lang='en'>", "web page", "download"),
    "error.csv": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "error", "download"),
    "._take.csv": (b"\0\5\x16\7\0\2\0\0Mac OS X", "companion", "._"),
    "zeros.csv": (bytes(5000), "zero", "again"),
    "table.xlsx": (zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), "Excel", "CSV"),
    "openpyxl.csv": (zipped("docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"), "Excel", "CSV"),
    "table.ods": (zipped("mimetype", "content.xml"), "OpenDocument", "CSV"),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel", "CSV"),
    "take.zip": (zipped("Take_1/Take_1.csv", "Take_1/Take_1.mov"), "ZIP", "unpack"),
    "empty.zip": (zipped(), "ZIP", "unpack"),
    "00001.frame": (zipped("00001/data.pkl", "00001/data/0"), "PyTorch", "savez"),
    "scene.usdz": (zipped("head.usdc"), "USD", "Blender"),
    "take.csv.gz": (gzip.compress(b"time,jawOpen\n0,1\n"), "gzip", "unpack"),
    "take.7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), "7z", "unpack"),
    "video.mov": (b"\0\0\0\x14ftypqt  " + bytes(60), "video", "Live Link Face's CSV"),
    "old.mov": (b"\0\0\0\x08wide\0\0\x10\0mdat" + bytes(60), "video", "Live Link Face's CSV"),
    "video.mp4": (VIDEO_BOX + b"ftypisom" + bytes(60), "video", "Live Link Face's CSV"),
    "video.webm": (b"\x1aE\xdf\xa3" + bytes(60), "video", "Live Link Face's CSV"),
    "video.avi": (b"RIFF\0\0\1\0AVI LIST", "video", "Live Link Face's CSV"),
    "sound.wav": (b"RIFF\x24\0\0\0WAVEfmt ", "sound", "the take"),
    "sound.m4a": (VIDEO_BOX + b"ftypM4A " + bytes(60), "sound", "the take"),
    "thumbnail.png": (b"\x89PNG\r\n\x1a\n" + bytes(60), "picture", "take"),
    "body.bvh": (b"HIERARCHY\r\nROOT Hips\r\n{\r\n", "BVH", "Blender"),
    "head.fbx": (b"Kaydara FBX Binary  \0\x1a\0", "FBX", "Blender"),
    "ascii.fbx": (b"; FBX 7.7.0 project file\n", "FBX", "Blender"),
    "head.glb": (b"glTF\2\0\0\0\0\1\0\0", "GLB", "Blender"),
    "head.gltf": (b'{\n  "asset": {"version": "2.0"}}', "glTF", "Blender"),
    "scene.usda": (b"#usda 1.0\n(\n", "USD", "Blender"),
    "scene.abc": (b"Ogawa\xff\0\1", "Alembic", "Blender"),
    "face.blend": (b"BLENDER-v405", ".blend", "innerface convert"),
    "packed.blend": (gzip.compress(b"BLENDER-v279" + bytes(99)), ".blend", "innerface convert"),
    "zstd.blend": (b"\x28\xb5\x2f\xfd" + bytes(60), ".blend", "innerface convert"),
    "markers.c3d": (b"\2P\x1e\0\0\0\1\0" + bytes(600), "C3D", "landmarks.csv"),
    "data.h5": (b"\x89HDF\r\n\x1a\n\0\0", "HDF5", "EDF"),
    "data.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(90), "MATLAB", "EDF"),
    "rest.set": (b"MATLAB 5.0 MAT-file, Platform: PCWIN64" + bytes(90), "EEGLAB", "EDF"),
    "rest.fdt": (np.arange(400, dtype=np.float32).tobytes(), "EEGLAB", "EDF"),
    "rest.gdf": (b"GDF 2.20" + bytes(248), "GDF", "EDF"),
    "rest.vhdr": (b"Brain Vision Data Exchange Header File Version 1.0\r\n; Data", "BrainVision", "EDF"),
    "new.vhdr": (b"BrainVision Data Exchange Header File Version 2.0\r\n; Data", "BrainVision", "EDF"),
    "rest.vmrk": (b"Brain Vision Data Exchange Marker File, Version 1.0\r\n", "BrainVision", "EDF"),
    "rest.eeg": (np.arange(400, dtype=np.int16).tobytes(), "BrainVision", "EDF"),
    "raw.fif": (b"\0\0\0\x64\0\0\0\x1f\0\0\0\x14" + bytes(60), "MNE", "EDF"),
    "OBCI_01.TXT": (b"%STOP AT\n0000136A\n00,FFCA0C,0000A3,00FF12,0000A3\n", "SD card", "GUI"),
    "take.parquet": (b"PAR1\x15\4\x15", "Parquet", "CSV"),
    "take.db": (b"SQLite format 3\0" + bytes(60), "SQLite", "CSV"),
    "crlf.mcap": (b"\x89MCAP0\r\r\n" + bytes(60), "MCAP", "binary mode"),
    "utf-8.bdf": (b"\xc3\xbfBIOSEMI" + b" " * 200, "BDF", "binary mode"),
    "utf-8.pkl": (b"\xc2\x80\2}q\0", "pickle", "binary mode"),
    "replaced.npy": (b"\xef\xbf\xbdNUMPY\1\0", "NumPy", "binary mode"),
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_a_known_kind_is_named_with_its_mend_by_whoever_opens_a_take(tmp_path, name):
    content, kind, mend = OTHER_KINDS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InnerfaceError) as caught:
        formats.read_take(tmp_path / name)
    assert kind in str(caught.value)
    assert mend in str(caught.value)
    assert "face take?" not in str(caught.value)


def test_the_content_counts_and_not_the_suffix(tmp_path):
    for name in ("take.mp4", "take.set", "take.xlsx", "take"):
        (tmp_path / name).write_text("time,jawOpen\n0,0.5\n0.1,0.5\n")
        assert formats.read_take(tmp_path / name).weights().columns == ("jawOpen",)


def test_a_packed_table_is_not_taken_for_a_scene_of_blender(tmp_path):
    (tmp_path / "take.csv.gz").write_bytes(gzip.compress(b"time,jawOpen\n"))
    (tmp_path / "packed.blend").write_bytes(gzip.compress(b"BLENDER-v279"))
    assert not is_blend(tmp_path / "take.csv.gz")
    assert is_blend(tmp_path / "packed.blend")
    assert not is_blend(tmp_path / "none.blend")


def test_a_file_that_lies_in_icloud_only_is_called_so(tmp_path):
    (tmp_path / ".take.csv.icloud").write_bytes(b"bplist00\xd3NSURLNameKey")
    for name in ("take.csv", ".take.csv.icloud"):
        with pytest.raises(InnerfaceError, match=r"iCloud.*Download Now"):
            formats.read_take(tmp_path / name)
    with pytest.raises(InnerfaceError, match="no such file"):
        read_bytes(tmp_path / "other.csv")


def test_binary_data_that_was_taken_for_text_is_told_from_data_that_was_not():
    data = np.random.default_rng(5).bytes(400_000)
    assert text_damage(data) == ""
    assert "from LF to CRLF" in text_damage(data.replace(b"\n", b"\r\n"))
    assert "encoded again" in text_damage(data.decode("latin-1").encode())
    assert "encoded again" in text_damage(data.decode("utf-8", "replace").encode())
    crlf_data = np.random.default_rng(6).bytes(4_000_000)[: 1 << 20]
    pairs = b"\r\n".join(crlf_data[k : k + 20_000] for k in range(0, len(crlf_data), 20_000))
    lost = pairs.replace(b"\r\n", b"\n")
    assert "from CRLF to LF" in text_damage(lost, unreadable=True)
    assert text_damage(pairs, unreadable=True) == text_damage(lost) == ""
    assert text_damage("Größe,0\n".encode() * 9) == ""
