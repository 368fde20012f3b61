import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Descriptor } from '#core';
import { packManifest, parseReference } from '#oci/image';
import { type CopyReport, copy, type OpenOptions, openRepository } from '#oci/transfer';
import { inPieces, noise, pushArtifact, pushBytes } from '../content.ts';
import { RegistryDouble } from '../registry-double.ts';

/** A signed artifact at one registry double that is copied to another, whose tag `v1` names something older. */
export interface Journey {
  readonly source: RegistryDouble;
  readonly target: RegistryDouble;
  readonly root: Descriptor;
  readonly signature: Descriptor;
  readonly older: Descriptor;
  /** Copies all of it and moves the tag, with clients made anew. */
  copy(options?: OpenOptions): Promise<CopyReport>;
  /** Every blob at the target is what its name says, and its tag names the one or the other. */
  checkTarget(tag: 'moved' | 'stays'): void;
  close(): Promise<void>;
}

const large = noise(1_100_000, 'large');
const small = noise(2000, 'small');

async function open(double: RegistryDouble, name: string, options: OpenOptions = {}) {
  const retry = { attempts: 4, firstMs: 5, ...options.retry };
  return openRepository(parseReference(`${double.host}/${name}`), { env: {}, idleTimeoutMs: 5000, ...options, retry });
}

/** @param referrers whether the target lists referrers itself */
export async function startJourney(referrers: boolean): Promise<Journey> {
  const source = await RegistryDouble.start();
  const target = await RegistryDouble.start({ referrers });
  const from = await open(source, 's');
  const config = await pushBytes(from, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const layers = [await pushBytes(from, large), await pushBytes(from, small)];
  const { descriptor: root, bytes } = packManifest({ artifactType: 'x/y', config, layers });
  await from.push(root, inPieces(bytes, 100));
  const signature = await pushArtifact(from, 'signature', { subject: root, annotations: { a: 'b' } });
  await from.close();
  const to = await open(target, 't');
  const older = await pushArtifact(to, 'older');
  await to.tag(older, 'v1');
  await to.close();
  return {
    source,
    target,
    root,
    signature,
    older,
    async copy(options) {
      const [reader, writer] = [await open(source, 's', options), await open(target, 't', options)];
      try {
        const tags = [{ tag: 'v1', descriptor: root }];
        return await copy(reader, writer, [root], { tags, referrers: true, concurrency: 1, signal: undefined });
      } finally {
        await reader.close();
        await writer.close();
      }
    },
    checkTarget(tag) {
      for (const [key, held] of target.blobs) {
        expect(key).toBe(`t sha256:${createHash('sha256').update(held).digest('hex')}`);
      }
      expect(target.tags.get('t v1')).toBe(tag === 'moved' ? root.digest : older.digest);
    },
    async close() {
      await source.close();
      await target.close();
    },
  };
}
