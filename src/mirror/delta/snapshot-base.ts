import { CodedError, type Digest, isDigest } from '#core';
import type { StreamTarget } from '#tuf';
import { readSnapshot } from '../snapshot.ts';
import { type Base, type BaseContext, type BaseForm, type BaseRequest, tagsOf } from './base.ts';

/** `STREAM.SEQUENCE` or the digest of a snapshot's manifest. */
export const snapshotForm: BaseForm = {
  kind: 'snapshot',
  form: 'STREAM.SEQUENCE or the digest of a snapshot',
  parse(text, { stream }) {
    if (isDigest(text)) return snapshotBase(text);
    const number = text.startsWith(`${stream}.`) ? text.slice(stream.length + 1) : '';
    if (!/^\d{1,9}$/.test(number)) return undefined;
    const isMeant = ({ sequence }: StreamTarget) => sequence === Number(number);
    return { name: text, resolve: (context) => resolve(context, text, isMeant) };
  },
};

/** An earlier snapshot of the stream, by the digest of its manifest. */
export function snapshotBase(digest: Digest): BaseRequest {
  return { name: digest, resolve: (context) => resolve(context, digest, (target) => target.digest === digest) };
}

/** Only what TUF lists was signed as a state of this mirror. */
async function resolve(context: BaseContext, name: string, isMeant: (target: StreamTarget) => boolean): Promise<Base> {
  const { spec, snapshots, targets } = context;
  const target = targets.find(isMeant);
  if (target === undefined) {
    const range = targets.length === 1 ? `${spec.stream}.1` : `${spec.stream}.1 to ${spec.stream}.${targets.length}`;
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${name}: not a snapshot of ${spec.stream} that TUF lists`, {
      hint: `specify one of ${range}, or another base`,
      details: { base: name, stream: spec.stream },
    });
  }
  const { repositories } = await readSnapshot(snapshots, target.digest, context);
  // The texts are those of the document, so that a set of bytes would take more.
  const set = new Set<Digest>();
  for (const { manifests, blobs } of repositories) {
    for (const { digest } of manifests) set.add(digest);
    for (const { digest } of blobs) set.add(digest);
  }
  const tags = { known: 'all', digests: tagsOf(repositories) } as const;
  return { kind: 'snapshot', digest: target.digest, name, has: (digest) => set.has(digest), tags };
}
