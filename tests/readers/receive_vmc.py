"""Receive one frame of VMC with PyPI's vmcp and print it as JSON: shapes until Apply, and the bone Head.

    python receive_vmc.py PORT

Prints "ready" first. A process of its own: osc4py3 keeps its state in the module.
"""

import json
import sys
import time

from osc4py3.as_eventloop import osc_process
from vmcp.events import BlendShapeApplyEvent, BlendShapeEvent, BoneTransformEvent
from vmcp.facades import on_receive
from vmcp.osc import OSC
from vmcp.osc.backend.osc4py3 import as_eventloop as backend

shapes, bones, frames = {}, {}, []


def on_shape(event):
    shapes[event.key] = event.value


def on_bone(event):
    p, q = event.position, event.rotation
    bones[event.joint.value] = [[p.x, p.y, p.z], [q.x, q.y, q.z, q.w]]


def on_apply(event):
    frames.append({"shapes": dict(shapes), "bones": dict(bones)})
    shapes.clear()


with OSC(backend) as osc:
    receiver = osc.create_receiver("127.0.0.1", int(sys.argv[1]), "vmc").open()
    on_receive(receiver, BlendShapeEvent, on_shape)
    on_receive(receiver, BoneTransformEvent, on_bone)
    on_receive(receiver, BlendShapeApplyEvent, on_apply)
    print("ready", flush=True)
    while len(frames) < 2:  # the first may have been under way
        osc_process()
        time.sleep(0.005)
print(json.dumps(frames[1]))
