import type { Descriptor } from '#core';
import { fetchBytes, nameOf, parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { readJson } from '../core/read-json.ts';
import { tagOf } from './cosign/signed-copy.ts';

/** A blob or manifest that belongs to a published artifact. */
export interface PublishedObject {
  readonly digest: string;
  readonly isManifest: boolean;
}

interface Parts {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/**
 * Everything that makes up an artifact, each once: its manifest and layers, and those of its referrers and of cosign's
 * tags; without configs that no client looks into.
 */
export async function objectsOf(reference: string): Promise<readonly PublishedObject[]> {
  const parsed = parseReference(reference);
  const repository = await openRepository(parsed);
  try {
    const artifact = (await repository.resolve(nameOf(parsed))) as Descriptor;
    const referrers = await Array.fromAsync(repository.referrers(artifact.digest));
    const tags = (['signature', 'provenance'] as const).map((kind) => repository.resolve(tagOf(artifact.digest, kind)));
    const manifests = [artifact, ...referrers, ...(await Promise.all(tags)).filter((found) => found !== undefined)];
    const found = new Map<string, boolean>();
    for (const manifest of manifests) {
      found.set(manifest.digest, true);
      for (const { digest } of (await partsOf(repository, manifest)).layers) found.set(digest, false);
    }
    return [...found].map(([digest, isManifest]) => ({ digest, isManifest }));
  } finally {
    await repository.close();
  }
}

async function partsOf(repository: Repository, manifest: Descriptor): Promise<Parts> {
  return readJson(Buffer.from(await fetchBytes(repository, manifest)).toString('utf8')) as Parts;
}
