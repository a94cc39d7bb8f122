"""A source that is one file is in the help and opens by its text."""

import json

import pytest
from innerface.cli import main
from innerface.core.errors import InnerfaceError
from innerface.server import registry

from .demo_sine import SPEC


@pytest.fixture
def demo_sine():
    registry.register_source(SPEC)
    yield
    registry.unregister_source(SPEC.kind)


def test_it_is_in_the_help_with_its_arguments(demo_sine, capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert "  demo-sine[,rate=HZ]" in lines and any("rate=HZ" in x and "(default 60)" in x for x in lines)


def test_it_opens_by_its_text_and_its_face_goes_out(demo_sine, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("INNERFACE_CONFIG", str(tmp_path))
    arguments = ["--source", "demo-sine:rate=30", "--record", str(tmp_path / "t.mcap"), "--seconds", "2", "--port", "0"]
    assert main(["serve", "--model", "linear", "--json", *arguments]) == 0
    status = json.loads(capsys.readouterr().out)
    (source,) = status["sources"]
    assert source["name"] == "demo-sine" and source["about"] == "a jaw that opens and closes, 30 Hz"
    assert source["state"] == "ok" and source["problem"] == ""
    assert status["output"] == "camera" and status["recorded"]["rows"] > 20


def test_invalid_arguments_give_one_line(demo_sine):
    for text, message in (
        ("demo-sine:rate=0", "1 to 240"),
        ("demo-sine:5", "unknown argument"),
        ("demo-sine,x=1", "unknown argument"),
    ):
        with pytest.raises(InnerfaceError, match=message):
            registry.make_source(text)


def test_it_is_unknown_where_it_was_not_registered():
    with pytest.raises(InnerfaceError, match="give one of"):
        registry.make_source("demo-sine")
