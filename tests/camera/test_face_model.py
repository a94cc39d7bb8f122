"""The model file: found, checked, and fetched whole or not at all."""

import io
import urllib.error

import pytest
from innerface.camera import face_model as the_model
from innerface.core.errors import InnerfaceError


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(InnerfaceError, match="fetch face-model"):
        the_model.find(tmp_path / "none.task")


def test_another_file_is_refused(tmp_path):
    other = tmp_path / the_model.NAME
    other.write_bytes(b"a model of something else")
    with pytest.raises(InnerfaceError, match="SHA-256"):
        the_model.find(other)


def test_the_right_file_is_found(face_model):
    assert the_model.find(face_model) == face_model and face_model.stat().st_size == the_model.SIZE


class _Answer(io.BytesIO):
    def __enter__(self):
        return self


def test_a_download_is_checked_before_it_is_kept(tmp_path, monkeypatch, face_model):
    out = tmp_path / "models" / the_model.NAME
    monkeypatch.setattr(the_model.urllib.request, "urlopen", lambda *_, **__: _Answer(b"a login page"))
    with pytest.raises(InnerfaceError, match="SHA-256"):
        the_model.fetch(out)
    assert not out.parent.exists()
    shares = []
    monkeypatch.setattr(the_model.urllib.request, "urlopen", lambda *_, **__: _Answer(face_model.read_bytes()))
    assert the_model.fetch(out, shares.append) == out and out.read_bytes() == face_model.read_bytes()
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_without_a_network_it_says_where_to_put_the_file(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(the_model.urllib.request, "urlopen", unreachable)
    with pytest.raises(InnerfaceError, match="put it at") as told:
        the_model.fetch(tmp_path / the_model.NAME)
    assert the_model.ADDRESS in str(told.value) and "\n" not in str(told.value)
