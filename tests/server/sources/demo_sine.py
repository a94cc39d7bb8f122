"""A source as simple as one can be: a jaw that opens and closes. Its file is all that a new source needs."""

import asyncio
import math
from dataclasses import dataclass

from innerface.core.errors import InnerfaceError
from innerface.server.arguments import PanelField, argument
from innerface.server.messages import FaceSample
from innerface.server.specs import MenuEntry, SourceGroup, SourceSpec, no_peer

_PERIOD_S = 1.0


class DemoSine:
    """A face whose jaw follows a sine at `rate` faces per second."""

    name = "demo-sine"

    def __init__(self, rate):
        if not 1 <= rate <= 240:
            raise InnerfaceError(f"demo-sine: rate={rate:g}: give 1 to 240 Hz")
        self.rate = rate
        self.task = None

    async def start(self, hub):
        """Begin to send."""
        self.task = hub.loop.create_task(self._send(hub))
        self.task.add_done_callback(hub.on_task_done)

    async def stop(self):
        """End."""
        if self.task is not None:
            self.task.cancel()

    async def _send(self, hub):
        count = 0
        while True:
            time = count / self.rate
            opening = 0.5 - 0.5 * math.cos(2 * math.pi * time / _PERIOD_S)
            hub.receive(self.name, FaceSample("demo", {"jawOpen": opening}, time, count))
            count += 1
            await asyncio.sleep(1 / self.rate)

    def describe(self):
        """What it does."""
        return f"a jaw that opens and closes, {self.rate:g} Hz"


@dataclass(frozen=True)
class DemoSineOptions:
    """Arguments of `demo-sine`."""

    rate: float = argument(
        60.0,
        metavar="HZ",
        help="faces per second",
        field=PanelField("demo_sine_rate", "Rate", "Faces per second", minimum=1, maximum=240),
    )


SPEC = SourceSpec(
    kind="demo-sine",
    summary="a jaw that opens and closes",
    options=DemoSineOptions,
    peer=no_peer,
    create=lambda options, _: DemoSine(options.rate),
    group=SourceGroup.CAMERA,
    hints=("it was asked for less than a face per second",),
    menu=MenuEntry("DEMO_SINE", 900, "Demo Sine", "A jaw that opens and closes", "FCURVE"),
)
