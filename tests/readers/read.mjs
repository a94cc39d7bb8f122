// Prints what three's loaders find in a GLB or FBX: clips, morph curves by key name, bone rotations.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const three = process.env.INNERFACE_NODE_MODULES + '/three/';
const load = (name) => import(pathToFileURL(three + name).href);
const file = process.argv[2];
const bytes = readFileSync(file);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

let scene, clips;
if (file.endsWith('.glb')) {
  const { GLTFLoader } = await load('examples/jsm/loaders/GLTFLoader.js');
  const gltf = await new Promise((yes, no) => new GLTFLoader().parse(buffer, '', yes, no));
  [scene, clips] = [gltf.scene, gltf.animations];
} else {
  globalThis.window ??= globalThis;
  const { FBXLoader } = await load('examples/jsm/loaders/FBXLoader.js');
  scene = new FBXLoader().parse(buffer, '');
  clips = scene.animations;
}

const morphs = {}; // object name -> key names by index
let vertices = 0, bones = 0, skinned = 0;
scene.traverse((o) => {
  if (o.isBone) bones++;
  if (o.isSkinnedMesh) skinned++;
  if (!o.isMesh) return;
  vertices += o.geometry.attributes.position.count;
  if (o.morphTargetDictionary) {
    const names = [];
    for (const [name, i] of Object.entries(o.morphTargetDictionary)) names[i] = name;
    morphs[o.name] = names;
    if (o.parent && !(o.parent.name in morphs)) morphs[o.parent.name] = names; // a mesh split by material
  }
});

const out = { vertices, bones, skinned, morphs: Object.values(morphs)[0] ?? [], clips: [] };
for (const clip of clips) {
  const curves = {}, rotations = {};
  for (const track of clip.tracks) {
    const at = track.name.lastIndexOf('.morphTargetInfluences');
    if (at >= 0) {
      const names = morphs[track.name.slice(0, at)] ?? out.morphs;
      const single = /\[(.+)\]$/.exec(track.name);
      const width = track.values.length / track.times.length;
      if (single) {
        const key = /^\d+$/.test(single[1]) ? names[+single[1]] : single[1];
        curves[key] = { times: [...track.times], values: [...track.values] };
      } else {
        for (let k = 0; k < width; k++) {
          curves[names[k]] = { times: [...track.times], values: [...track.times].map((_, i) => track.values[i * width + k]) };
        }
      }
    } else if (track.name.endsWith('.quaternion')) {
      rotations[track.name.slice(0, -11)] = { times: [...track.times], values: [...track.values] };
    }
  }
  out.clips.push({ name: clip.name, duration: clip.duration, curves, rotations });
}
process.stdout.write(JSON.stringify(out));
