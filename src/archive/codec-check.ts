import { CodedError, type Digest, Digester } from '#core';
import { encodeGzip } from './gzip-encode.ts';
import { encodeZstd } from './zstd-encode.ts';

const { node, zlib, zstd = 'none' } = process.versions;

/** The compressors in this Node, for provenance. They never enter a bundle. */
export const codecVersions: Readonly<{ node: string; zlib: string; zstd: string }> = { node, zlib, zstd };

/** Digests of the packed sample. Where one moves, layers move: raise the adapters' versions with it. */
const GOLDEN = {
  gzip: 'sha256:39b12085fa104d543d114932d22f2ab6f53421a0e4f04955a34b813a27a7c1d0',
  zstd: 'sha256:e207cc3349f0d5baafc73bc873e96f03a4270c96b78464f543b6814e9d528453',
} as const;

const SAMPLE_BYTES = 192 * 1024;
const SAMPLE_LEVEL = 9;

/**
 * Packs a sample and compares: bundles are the same everywhere only while the compressors are. A Node that is linked
 * to the system's zlib, or a later one, may pack otherwise.
 *
 * @throws CodedError ERR_EXPORT_CODEC_CHANGED with the versions in its details
 */
export async function assertCodecs(): Promise<void> {
  const packed = { gzip: encodeGzip(sample()), zstd: encodeZstd(sample(), { level: SAMPLE_LEVEL }) };
  for (const codec of ['gzip', 'zstd'] as const) {
    const found = await digestAll(packed[codec]);
    if (found !== GOLDEN[codec]) throw changed(codec, found);
  }
}

function changed(codec: 'gzip' | 'zstd', found: Digest): CodedError {
  const library = codec === 'gzip' ? `zlib ${codecVersions.zlib}` : `zstd ${codecVersions.zstd}`;
  const what = `${library} of Node ${codecVersions.node} compresses to different bytes than bundles are pinned to`;
  return new CodedError('ERR_EXPORT_CODEC_CHANGED', what, {
    hint: 'use the Node that `npm ci` installs, or one from nodejs.org in the supported range',
    details: { codec, ...codecVersions, expected: GOLDEN[codec], found },
  });
}

async function digestAll(chunks: AsyncIterable<Uint8Array>): Promise<Digest> {
  const digester = new Digester();
  for await (const chunk of chunks) digester.update(chunk);
  return digester.digest();
}

/**
 * Text with repeats near and far, then a run, then noise, from a generator that is integers only: stretches that
 * exercise long matches, lazy matches, Huffman tables and stored blocks.
 */
async function* sample(): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.alloc(SAMPLE_BYTES);
  let state = 0x2545f491;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  const noiseStart = SAMPLE_BYTES - 16 * 1024;
  const textEnd = noiseStart - 16 * 1024;
  for (let at = 0; at < textEnd; )
    at += bytes.write(`{"id":"S-${next() % 5000}","n":[${next() % 97},"w${next() % 700}"]}\n`, at);
  bytes.fill(0x20, textEnd, noiseStart);
  for (let at = noiseStart; at < SAMPLE_BYTES; at++) bytes[at] = next() >>> 8;
  yield bytes;
}
