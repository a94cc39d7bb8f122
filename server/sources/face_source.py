"""Transport of sources that receive faces by UDP, one or several senders each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..face_watch import FaceWatch
from ..messages import DeviceInfo, FaceSample
from .steady_ports import SteadyPorts
from .udp_source import UdpSource

_MAX_SENDERS = 64


class FaceSource(UdpSource):
    """Receives faces; each sender is watched for names, units and faces that never move."""

    full_weight = 1.0  # the value of a whole weight by the protocol

    def __init__(self, host: str, port: int | None = None) -> None:
        super().__init__(host, port)
        self._watches: dict[str, FaceWatch] = {}
        self._problems: dict[str, str] = {}
        self._ports = SteadyPorts()

    def _receive(self, data: bytes, addr: tuple[str, int]) -> None:
        super()._receive(data, self._ports.steady(addr))

    def receive_face(
        self,
        device: str,
        addr: tuple[str, int],
        values: Mapping[str, float],
        *,
        unknown: Iterable[str] = (),
        time: float | None = None,
        title: str = "",
    ) -> None:
        """Pass a face from `addr` to the hub: values by channel as they were sent, empty if it tracks no face.

        `unknown`: names that came with it and mean nothing; `time`: s on the sender's clock; `title`: its name.
        """
        hub = self.hub
        if hub is None:
            return
        if device not in self._watches and len(self._watches) >= _MAX_SENDERS:
            self._watches.clear()
            self._problems.clear()
        watch = self._watches.setdefault(device, FaceWatch(self.full_weight))
        face = watch.clean(values, unknown, hub.now())
        for note in watch.take_notes():
            hub.note(f"{self.name}: {title or device} {note}")
        self.forward(FaceSample(device, face, time), addr)
        if watch.problem != self._problems.get(device, ""):
            self._problems[device] = watch.problem
            self.forward(DeviceInfo(device, title, problem=watch.problem), addr)
