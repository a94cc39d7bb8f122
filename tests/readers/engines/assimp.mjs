// Prints the clips that assimp finds; its JSON has no morph curves, so only bones are compared.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';

const assimp = await createRequire(process.env.INNERFACE_NODE_MODULES + '/')('assimpjs')();
const files = new assimp.FileList();
files.AddFile(basename(process.argv[2]), new Uint8Array(readFileSync(process.argv[2])));
const result = assimp.ConvertFileList(files, 'assjson');
if (!result.IsSuccess()) {
  console.error(result.GetErrorCode());
  process.exit(1);
}
const scene = JSON.parse(new TextDecoder().decode(result.GetFile(0).GetContent()));
const clips = (scene.animations ?? []).map((animation) => {
  const rotations = {};
  for (const channel of animation.channels) {
    const keys = channel.rotationkeys ?? [];
    rotations[channel.name] = {
      times: keys.map(([t]) => t / animation.tickspersecond),
      values: keys.map(([, [w, x, y, z]]) => [x, y, z, w]),
    };
  }
  return { name: animation.name, duration: animation.duration / animation.tickspersecond, curves: {}, rotations };
});
process.stdout.write(JSON.stringify({ clips }));
