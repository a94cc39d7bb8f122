"""Print the clips that Panda3D (panda3d-gltf) makes of a GLB: panda.py FILE RATE. It bakes at the given rate.

Its version 1.3.0 shows the next key instead of interpolating (`get_lerp_factor` takes a maximum for a minimum): the
first frame shows the second key and is left out, and the rate is a millionth higher, lest rounding skips a key.
"""

import json
import sys

import gltf
import numpy as np
from panda3d.core import AnimChannelMatrixXfmTable, AnimChannelScalarTable, Filename, NodePath, load_prc_file_data


def main() -> None:
    load_prc_file_data("", "window-type none\nnotify-level error")
    rate = float(sys.argv[2]) * (1 + 1e-6)
    model = NodePath(gltf.load_model(Filename.from_os_specific(sys.argv[1]), gltf.GltfSettings(animation_fps=rate)))
    clips = []
    for path in model.find_all_matches("**/+AnimBundleNode"):
        bundle = path.node().get_bundle()
        times = (np.arange(bundle.get_num_frames()) / rate).tolist()
        clip = {"name": bundle.get_name(), "duration": times[-1], "curves": {}, "rotations": {}}
        walk(bundle, clip, times)
        clips.append(clip)
    json.dump({"clips": clips}, sys.stdout)


def walk(group, clip, times) -> None:
    for i in range(group.get_num_children()):
        child = group.get_child(i)
        if isinstance(child, AnimChannelScalarTable):
            values = [float(child.table[k if len(child.table) > 1 else 0]) for k in range(len(times))]
            clip["curves"][child.get_name()] = {"times": times[1:], "values": values[1:]}
        elif isinstance(child, AnimChannelMatrixXfmTable) and (turns := quaternions(child, len(times))):
            clip["rotations"][child.get_name()] = {"times": times[1:], "values": turns[1:]}
        walk(child, clip, times)


def quaternions(channel, count: int) -> list[list[float]]:
    from panda3d.core import LQuaternion

    tables = [list(channel.get_table(letter)) for letter in "hpr"]
    out = []
    for k in range(count):
        angles = [table[min(k, len(table) - 1)] if table else 0.0 for table in tables]
        turn = LQuaternion()
        turn.set_hpr(tuple(angles))
        out.append([turn.get_i(), turn.get_j(), turn.get_k(), turn.get_r()])
    return out


main()
