"""From a source's message to the stream that it belongs to, to the recording, and to the pipeline of its kind."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from .messages import BioSample, DeviceInfo, FaceSample, ImuSample, Message, with_printable_texts
from .pipelines.bio import BioPipeline
from .pipelines.camera import CameraPipeline
from .pipelines.imu import ImuPipeline
from .plausibility import plausible
from .streams import AWAY_AFTER_S, Stream

_MAX_STREAMS, _STREAM_EXPIRY_S = 64, 60.0
_MIN_MESSAGES = 3  # a stream that said less makes room sooner
_KINDS: dict[type, str] = {ImuSample: "imu", FaceSample: "face", BioSample: "bio", DeviceInfo: "device"}


class _Notes(Protocol):
    def note(self, text: str) -> None: ...


class Router:
    """All streams that are received, by source, device and kind. `dropped`: messages without one, by the reason."""

    def __init__(self, notes: _Notes, *, imu: ImuPipeline, camera: CameraPipeline, bio: BioPipeline) -> None:
        self.streams: dict[tuple[str, str, str], Stream] = {}
        self.dropped: Counter[str] = Counter()
        self._notes, self._imu, self._camera, self._bio = notes, imu, camera, bio

    def receive(self, source: str, message: Message, arrival: float) -> None:
        """A message of a source; `arrival` on the hub's clock. One of a stream too many is dropped, and counted."""
        checked = plausible(message)
        if checked is None:
            self.dropped["implausible"] += 1
            return
        message = with_printable_texts(checked)
        stream = self._stream_for(source, message, arrival)
        if stream is None:
            self.dropped["out_of_room"] += 1
            return
        if isinstance(message, DeviceInfo):
            stream.describe(message, arrival)
            return
        time = stream.timestamp(message, arrival)
        for note in stream.pop_notes():
            self._notes.note(note)
        if time is None:
            return
        if isinstance(message, ImuSample):
            streams = list(self.streams.values())
            reason = self._imu.receive(stream, message, at=time, arrival=arrival, streams=streams)
        elif isinstance(message, FaceSample):
            reason = self._camera.receive(stream, message, at=time, arrival=arrival)
        else:
            at = stream.smooth_batch_time(message, time)
            reason = self._bio.receive(stream, message, at=at, arrival=arrival)
        stream.account.add(stream.last_count, reason)

    def _stream_for(self, source: str, message: Message, arrival: float) -> Stream | None:
        device, kind = message.device, _KINDS[type(message)]
        if kind == "device":  # what it says of itself belongs to the samples that it sends
            known = [s for s in self.streams.values() if (s.source, s.device) == (source, device)]
            if known:
                return known[0]
        substream = message.substream if isinstance(message, ImuSample) else ""
        key = (source, device, kind + substream)
        stream = self.streams.get(key)
        if stream is None:
            placeholder = self.streams.pop((source, device, "device"), None) if not substream else None
            if len(self.streams) >= _MAX_STREAMS:
                self._drop_expired_streams(arrival)
            if len(self.streams) >= _MAX_STREAMS:
                return None
            stream = self.streams[key] = Stream(source, device, kind, last_received=arrival)
            if placeholder is not None:
                stream.name, stream.battery = placeholder.name, placeholder.battery
        elif kind in ("imu", "bio") and arrival - stream.last_received > AWAY_AFTER_S and stream.counter.received:
            self._notes.note(f"{stream.device} is back after {arrival - stream.last_received:.1f} s")
        return stream

    def _drop_expired_streams(self, now: float) -> None:
        """Streams that never said anything of use, or have been away for long, make room."""
        for key, stream in list(self.streams.items()):
            expiry_s = AWAY_AFTER_S if stream.counter.received < _MIN_MESSAGES else _STREAM_EXPIRY_S
            if now - stream.last_received > expiry_s and stream.session_device is None:
                del self.streams[key]
