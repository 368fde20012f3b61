import type { Descriptor, Digest } from '#core';
import { fetchBytes, type Repository } from '#oci/image';
import { readJson } from '../../core/read-json.ts';
import { type Form, listSigned } from './signed-copy.ts';

/** What was signed and by which signature: the same in both of cosign's forms where one was made of the other. */
export interface SeenEnvelope {
  readonly payload: string;
  readonly signature: string;
}

interface Envelope {
  readonly payload: string;
  readonly signatures: readonly [{ readonly sig: string }];
}

/** The provenance envelopes of a manifest in one form, one for each layer or referrer. */
export async function provenancesIn(repository: Repository, subject: Digest, form: Form): Promise<SeenEnvelope[]> {
  const envelopes: SeenEnvelope[] = [];
  for (const manifest of await listSigned(repository, subject, { form, kind: 'provenance' })) {
    const { layers } = (await fetchJson(repository, manifest)) as { layers: readonly Descriptor[] };
    for (const layer of layers) {
      const blob = (await fetchJson(repository, layer)) as Envelope | { readonly dsseEnvelope: Envelope };
      const { payload, signatures } = 'dsseEnvelope' in blob ? blob.dsseEnvelope : blob;
      envelopes.push({ payload, signature: signatures[0].sig });
    }
  }
  return envelopes;
}

/** The repositories that the manifest's signatures in tag form name. */
export async function dockerReferences(repository: Repository, subject: Digest): Promise<string[]> {
  const references: string[] = [];
  for (const manifest of await listSigned(repository, subject, { form: 'tag', kind: 'signature' })) {
    const { layers } = (await fetchJson(repository, manifest)) as { layers: readonly Descriptor[] };
    for (const layer of layers) {
      const payload = (await fetchJson(repository, layer)) as { critical: { identity: Record<string, string> } };
      references.push(payload.critical.identity['docker-reference'] ?? '');
    }
  }
  return references;
}

async function fetchJson(repository: Repository, descriptor: Descriptor): Promise<unknown> {
  return readJson(Buffer.from(await fetchBytes(repository, descriptor)).toString('utf8'));
}
