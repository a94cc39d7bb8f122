// Print, as JSON, what npm's @mcap/core finds by the index of an MCAP file: topics, log and publish times, sequence
// numbers and texts of its messages, in the order of the log times; metadata; attachments.
import { createRequire } from 'node:module';
import { open } from 'node:fs/promises';

const require = createRequire(process.env.INNERFACE_NODE_MODULES + '/');
const { McapIndexedReader } = require('@mcap/core');
const { loadDecompressHandlers } = require('@mcap/support');

const file = await open(process.argv[2]);
const readable = {
  size: async () => BigInt((await file.stat()).size),
  read: async (offset, size) => {
    const buffer = new Uint8Array(Number(size));
    const { bytesRead } = await file.read(buffer, 0, Number(size), Number(offset));
    return buffer.subarray(0, bytesRead);
  },
};
const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers: await loadDecompressHandlers() });
const texts = new TextDecoder();
const found = { messages: [], metadata: {}, attachments: {} };
for await (const m of reader.readMessages()) {
  const { topic } = reader.channelsById.get(m.channelId);
  found.messages.push([topic, Number(m.logTime), Number(m.publishTime), m.sequence, texts.decode(m.data)]);
}
for await (const { name, metadata } of reader.readMetadata()) found.metadata[name] = Object.fromEntries(metadata);
for await (const { name, data } of reader.readAttachments()) found.attachments[name] = texts.decode(data);
console.log(JSON.stringify(found));
