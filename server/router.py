"""From a source's message to the stream that it belongs to, to the recording, and to the pipeline of its kind."""

from __future__ import annotations

import math
from collections import Counter
from typing import Protocol

from .messages import BioSample, DeviceInfo, FaceSample, ImuSample, Message, with_printable_texts
from .pipelines.bio import BioPipeline
from .pipelines.camera import CameraPipeline
from .pipelines.imu import ImuPipeline
from .plausibility import plausible
from .senders import OTHER_SENDER, Senders
from .streams import AWAY_AFTER_S, MIN_MESSAGES, Stream

_MAX_STREAMS, _STREAM_EXPIRY_S = 64, 60.0
_TELL_FULL_EVERY_S = 60.0
_KINDS: dict[type, str] = {ImuSample: "imu", FaceSample: "face", BioSample: "bio", DeviceInfo: "device"}


class _Notes(Protocol):
    def note(self, text: str) -> None: ...


class Router:
    """All streams that are received, by source, device and kind. `dropped`: messages without one, by the reason."""

    def __init__(
        self, notes: _Notes, senders: Senders, *, imu: ImuPipeline, camera: CameraPipeline, bio: BioPipeline
    ) -> None:
        self.streams: dict[tuple[str, str, str], Stream] = {}
        self.dropped: Counter[str] = Counter()
        self._notes, self._senders = notes, senders
        self._imu, self._camera, self._bio = imu, camera, bio
        self._told_full_at = -math.inf

    def receive(self, source: str, message: Message, arrival: float, *, address: str = "") -> None:
        """A message of a source that came from `address`, if it has one; `arrival` on the hub's clock.

        One of a sender that is not admitted, or of a stream too many, is dropped and counted.
        """
        checked = plausible(message)
        if checked is None:
            self.dropped["implausible"] += 1
            return
        message = with_printable_texts(checked)
        refusal = self._senders.admit(source, message.device, address, now=arrival) if address else ""
        if refusal:
            self.dropped[refusal] += 1
            if refusal == OTHER_SENDER:
                for stream in self._streams_of(source, message.device):
                    stream.rival, stream.rival_at = self._senders.rival(source, message.device), arrival
            return
        stream = self._stream_for(source, message, arrival)
        if stream is None:
            self.dropped["out_of_room"] += 1
            return
        stream.address = address
        if isinstance(message, DeviceInfo):  # what a device says of itself belongs to all that it sends
            for described in self._streams_of(source, message.device):
                described.describe(message, arrival)
            return
        silent_s = arrival - stream.last_received
        time = stream.timestamp(message, arrival)
        if time is not None:
            if stream.kind in ("imu", "bio") and silent_s > AWAY_AFTER_S:
                self._notes.note(f"{stream.device} is back after {silent_s:.1f} s")
            stream.account.add(stream.last_count, self._pass_on(stream, message, time=time, arrival=arrival))
        for note in stream.pop_notes():
            self._notes.note(note)

    def _pass_on(
        self, stream: Stream, message: ImuSample | FaceSample | BioSample, *, time: float, arrival: float
    ) -> str:
        """To the pipeline; why the sample is not shown, "" where it is."""
        if isinstance(message, ImuSample):
            streams = list(self.streams.values())
            return self._imu.receive(stream, message, at=time, arrival=arrival, streams=streams)
        if isinstance(message, FaceSample):
            return self._camera.receive(stream, message, at=time, arrival=arrival)
        batch, at = stream.time_batch(message, time, arrival)
        return self._bio.receive(stream, batch, at=at, arrival=arrival)

    def _stream_for(self, source: str, message: Message, arrival: float) -> Stream | None:
        device, kind = message.device, _KINDS[type(message)]
        siblings = self._streams_of(source, device)
        if kind == "device" and siblings:
            return siblings[0]
        substream = message.substream if isinstance(message, ImuSample) else ""
        key = (source, device, kind + substream)
        stream = self.streams.get(key)
        if stream is None:
            self.streams.pop((source, device, "device"), None)  # it stood for those that send samples
            if len(self.streams) >= _MAX_STREAMS:
                self._drop_expired_streams(arrival)
            if len(self.streams) >= _MAX_STREAMS and not self._make_room(message, arrival):
                return None
            stream = self.streams[key] = Stream(source, device, kind, last_received=arrival)
            if siblings:
                stream.name, stream.battery = siblings[0].name, siblings[0].battery
        return stream

    def _streams_of(self, source: str, device: str) -> list[Stream]:
        return [s for s in self.streams.values() if (s.source, s.device) == (source, device)]

    def _drop_expired_streams(self, now: float) -> None:
        """Streams that never said anything of use, or have been away for long, make room."""
        for key, stream in list(self.streams.items()):
            expiry_s = AWAY_AFTER_S if stream.counter.received < MIN_MESSAGES else _STREAM_EXPIRY_S
            if now - stream.last_received > expiry_s and stream.session_device is None:
                del self.streams[key]

    def _make_room(self, message: Message, now: float) -> bool:
        """Whether a stream that is not in use and has fewer sensors than a newcomer could make room for it."""
        if now - self._told_full_at > _TELL_FULL_EVERY_S:
            self._told_full_at = now
            self._notes.note(
                f"{_MAX_STREAMS} streams are received, and there is no room for more: those with the most sensors are "
                "kept; end what is not needed"
            )
        in_use = (self._camera.active_stream, self._bio.active_stream)
        unused = {k: s for k, s in self.streams.items() if s.session_device is None and s not in in_use}
        least = min(unused, key=lambda key: _sensor_count(unused[key]), default=None)
        newcomer = len(message.keys) if isinstance(message, ImuSample) else int(not isinstance(message, DeviceInfo))
        if least is None or _sensor_count(unused[least]) >= newcomer:
            return False
        del self.streams[least]
        return True


def _sensor_count(stream: Stream) -> int:
    return 0 if stream.kind == "device" else max(len(stream.keys), 1)
