"""What a recording says of where it came from."""

import json

from innerface import __version__
from innerface.core.formats.mcap_take import read_summary
from innerface.server import registry
from innerface.server.recording.provenance import without_secrets


def test_a_recording_from_the_start_says_what_it_comes_from(tmp_path, bridge):
    texts = ("bridge:ws://127.0.0.1:9,token=a-secret", "virtual:rate=50")

    async def work(hub):
        await hub.stop()
        await hub.start([registry.make_source(text) for text in texts], [], tmp_path / "take.mcap")
        assert hub.recording.recorder is not None, "it records from the start"
        await hub.commands.stop_recording()

    bridge(work, arguments=texts)
    metadata = read_summary(tmp_path / "take.mcap").metadata
    assert metadata["sources"] == "bridge, virtual" and metadata["software"] == f"innerface {__version__}"
    assert json.loads(metadata["arguments"]) == ["bridge:ws://127.0.0.1:9,token=...", "virtual:rate=50"]
    assert (
        metadata["model"].startswith("linear ") and metadata["layout"] == "default" and "Python" in metadata["system"]
    )
    assert b"a-secret" not in (tmp_path / "take.mcap").read_bytes()


def test_secrets_are_left_out_of_every_spelling():
    for text in ("bridge:ws://h:1,token=abc", "bridge:ws://h:1/?token=abc&x=1", "x:Password=abc", "bridge:token=abc"):
        assert "abc" not in without_secrets(text)
    assert without_secrets("virtual:take.mcap,loss=0.02,gyro") == "virtual:take.mcap,loss=0.02,gyro"
