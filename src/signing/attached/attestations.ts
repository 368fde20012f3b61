import { CodedError, type Descriptor, type Digest } from '#core';
import { type OperationOptions, type Repository, readNamed } from '#oci/image';
import type { Verifier } from '../signer.ts';
import { predicateTypes, type Statement } from '../statement.ts';
import type { VerifiedStatement } from '../verify.ts';
import { PayloadReader } from './payload-reader.ts';
import { type Form, findSignedObjects, type SearchContext, type SignedCandidate } from './signed-objects.ts';

/** A signature or attestation of one key, in one form. */
interface Attestation {
  readonly form: Form;
  /** The layer of a tag, or the referrer manifest of a sigstore bundle. */
  readonly digest: Digest;
}

/** A provenance and the envelope it came in, from which the other form can be made. */
export interface ProvenanceFound extends Attestation, VerifiedStatement {}

/** All that one key says of one manifest. */
export interface Attestations {
  readonly signatures: readonly Attestation[];
  readonly provenances: readonly ProvenanceFound[];
  /** Objects signed by other keys; nothing is known of them. */
  readonly otherSigners: number;
  /** How many of these were not read, since others had used up what is read at most. */
  readonly unread: number;
}

/** As large as a JSON text may be here. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/**
 * Everything that the verifier's key signed of a manifest, in both of cosign's forms, each object proven and the
 * config of the manifest that holds it read. Each payload is read once, however many objects name it, and those of
 * other keys only up to a limit.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID for an object of this key that is not valid,
 *   ERR_EXPORT_CONTENT_MISMATCH for one whose content is gone
 */
export async function collectAttestations(
  repository: Repository,
  subject: Descriptor,
  verifier: Verifier,
  options: OperationOptions = {},
): Promise<Attestations> {
  const context = { repository, subject, verifier, options };
  const reader = new PayloadReader(repository, options);
  const collected = new Collector(context);
  for (const group of byPayload(await findSignedObjects(context))) {
    const payload = await reader.read(group);
    for (const candidate of group) await collected.add(candidate, payload);
  }
  return { ...collected, unread: reader.unread };
}

/** Candidates with one payload together; payloads of which one names the key first. */
function byPayload(candidates: readonly SignedCandidate[]): SignedCandidate[][] {
  const groups = Map.groupBy(candidates, ({ payload }) => `${payload.digest} ${payload.size}`);
  const isNamed = (group: readonly SignedCandidate[]) => group.some((candidate) => candidate.isNamed);
  return [...groups.values()].toSorted((a, b) => Number(isNamed(b)) - Number(isNamed(a)));
}

class Collector {
  readonly signatures: Attestation[] = [];
  readonly provenances: ProvenanceFound[] = [];
  otherSigners = 0;
  readonly #context: SearchContext;
  readonly #configs = new Set<Digest>();

  constructor(context: SearchContext) {
    this.#context = context;
  }

  async add(candidate: SignedCandidate, payload: Uint8Array | undefined): Promise<void> {
    const { form, digest } = candidate;
    const verified = payload && candidate.verify(payload);
    if (verified === undefined) {
      this.otherSigners++;
      return;
    }
    await this.#checkConfig(candidate);
    if (!('statement' in verified)) this.signatures.push({ form, digest });
    else this.#sortStatement({ form, digest, ...verified });
  }

  #sortStatement(item: ProvenanceFound): void {
    const { predicateType } = item.statement;
    if (predicateType === predicateTypes.slsaProvenance) this.provenances.push(item);
    else if (predicateType === predicateTypes.cosignSignature && item.form === 'sigstoreBundle')
      this.signatures.push({ form: item.form, digest: item.digest });
  }

  /** Clients that copy or run an image fetch its config, so it has to be there. */
  async #checkConfig({ config, name }: SignedCandidate): Promise<void> {
    if (config === undefined) {
      throw new CodedError('ERR_EXPORT_SIGNATURE_INVALID', `${name}: its manifest has no config`, {
        hint: 'delete it and export again: missing signatures are created',
        details: { name },
      });
    }
    if (this.#configs.has(config.digest)) return;
    const { repository, options } = this.#context;
    await readNamed(repository, config, name, { signal: options.signal, maxBytes: MAX_CONFIG_BYTES });
    this.#configs.add(config.digest);
  }
}

/** Whether a statement is about all of these digests. */
export function namesAll(statement: Statement, digests: readonly Digest[]): boolean {
  const named = new Set(statement.subject.map(({ digest }) => `sha256:${digest['sha256']}`));
  return digests.every((digest) => named.has(digest));
}
