import { CodedError, type Digest, digestOf } from '#core';
import { decodeEnvelope, encodeEnvelope } from '#signing';
import { kitFault } from '../faults.ts';
import {
  codePartOf,
  parseShortCode,
  type Receipt,
  readReceiptFile,
  receiptIn,
  recordedReceipt,
  type ShortCode,
  ZoneRegister,
} from '../receipts.ts';
import { type RepositoryState, readSnapshot } from '../snapshot.ts';
import { type Base, type BaseContext, type BaseForm, type BaseRequest, tagsOf } from './base.ts';
import { DigestSet } from './digest-set.ts';
import { snapshotBase } from './snapshot-base.ts';

const PREFIX = 'receipt:';

/** `receipt:FILE`: what a zone stated that it has. */
export const receiptForm: BaseForm = {
  kind: 'receipt',
  form: 'receipt:FILE',
  parse(text) {
    if (!text.startsWith(PREFIX)) return undefined;
    const path = text.slice(PREFIX.length);
    return { name: text, resolve: async (context) => statedIn(context, await readReceiptFile(path), path, text) };
  },
};

/**
 * What a zone stated that it has, in a receipt that was read already.
 *
 * @param envelope as any JSON that says the same as the file that `mirror import --zone-key` wrote
 * @param name what it is called in errors
 */
export function receiptBase(envelope: Uint8Array, name: string): BaseRequest {
  // As it is written to files, so that the kit is the same as for the file.
  return { name, resolve: (context) => statedIn(context, encodeEnvelope(decodeEnvelope(envelope, name)), name, name) };
}

async function statedIn(context: BaseContext, bytes: Uint8Array, source: string, name: string): Promise<Base> {
  const { receipt } = await receiptIn(context.spec, registerOf(context, name), bytes, source);
  return baseOf(context, receipt, bytes, name);
}

/** The newest receipt of a zone that was recorded. */
export function zoneBase(name: string): BaseRequest {
  return {
    name: `zone ${name}`,
    resolve: async (context) => {
      const recorded = await recordedReceipt(context.spec, registerOf(context, `zone ${name}`), name);
      if (recorded !== undefined) return baseOf(context, recorded.receipt, recorded.bytes, `zone ${name}`);
      const hint = 'record one with: export-center mirror zone receipt SPEC FILE; or omit --zone for a full kit';
      throw kitFault('ERR_EXPORT_ZONE_UNKNOWN', `zone ${name}`, `no receipt for ${context.spec.stream}`, hint);
    },
  };
}

/** `STREAM.SEQUENCE.XXXX-XXXX-C`: the short code of a snapshot. */
export const codeForm: BaseForm = {
  kind: 'snapshot',
  form: 'a short code of mirror status',
  parse(text, { stream }) {
    const code = parseShortCode(text);
    if (code === undefined) return undefined;
    if (code.stream !== stream) {
      const hint = 'specify the mirror spec of that stream';
      throw kitFault('ERR_EXPORT_STREAM_MISMATCH', text, `of stream ${code.stream}, not ${stream}`, hint);
    }
    const note =
      'a code proves nothing: import refuses the kit if the zone has something else; a receipt would prove it';
    return { name: text, note, resolve: (context) => snapshotOf(context, code, text) };
  },
};

function snapshotOf(context: BaseContext, { sequence, part }: ShortCode, name: string): Promise<Base> {
  const target = context.targets.find((each) => each.sequence === sequence);
  if (target !== undefined && codePartOf(target.digest) === part) return snapshotBase(target.digest).resolve(context);
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `${name}: not the code of a snapshot of ${context.spec.stream}`, {
    hint: 'compare it with what export-center mirror status prints in the zone',
    details: { base: name, stream: context.spec.stream },
  });
}

/** @param name of the base, for the error */
function registerOf({ spec }: BaseContext, name: string): ZoneRegister {
  if (spec.zones !== undefined) return new ZoneRegister(spec.zones);
  throw new CodedError('ERR_EXPORT_MIRROR_SPEC', `${name}: the mirror spec names no directory of zones`, {
    hint: 'add a line to it, such as: zones: zones; then: export-center mirror zone add SPEC NAME --key PUB',
    details: { name },
  });
}

/**
 * What a zone has by its receipt. Repositories that lack something do not count, and nothing does where the repository
 * of snapshots lacks something, in which an import looks up what it has: so a delta never relies on what may be missing.
 */
async function baseOf(
  context: BaseContext,
  { snapshot, fidelity }: Receipt,
  bytes: Uint8Array,
  name: string,
): Promise<Base> {
  const { repositories } = await readSnapshot(context.snapshots, snapshot, context);
  const lacking = new Set(fidelity.lacking.map((each) => each.name.slice(0, each.name.search(/[:@]/))));
  const isUsable = !lacking.has(context.spec.snapshots.repository);
  const set = digestsOf(isUsable ? repositories.filter((each) => !lacking.has(each.name)) : []);
  return {
    kind: 'receipt',
    digest: digestOf(bytes),
    name,
    has: (digest: Digest) => set.has(digest),
    tags: { known: 'all', digests: tagsOf(repositories) },
  };
}

function digestsOf(repositories: readonly RepositoryState[]): DigestSet {
  const set = new DigestSet();
  for (const { manifests, blobs } of repositories) {
    for (const { digest } of manifests) set.add(digest);
    for (const { digest } of blobs) set.add(digest);
  }
  return set;
}
