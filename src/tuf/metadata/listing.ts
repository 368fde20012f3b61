import { type Envelope, parseEnvelope, type Signed } from './envelope.ts';
import { isDelegatedRole } from './names.ts';
import type { JsonNode } from './node.ts';
import { type FileFacts, parseHashes } from './targets.ts';

/** What a snapshot or a timestamp says of another document. */
interface MetaFacts extends Partial<FileFacts> {
  readonly version: number;
}

/** The version of `targets` and of every delegated role (specification §4.4). */
export interface Snapshot extends Signed {
  readonly roles: ReadonlyMap<string, MetaFacts>;
}

/** The version of the snapshot (specification §4.6). */
export interface Timestamp extends Signed {
  readonly snapshot: MetaFacts;
}

/** As python-tuf, go-tuf and tuf-js. */
export const maxSnapshotBytes = 2_000_000;
export const maxTimestampBytes = 16_384;
const MAX_ROLES = 16_384;

/** @throws CodedError ERR_EXPORT_TUF_INVALID */
export function parseSnapshot(bytes: Uint8Array, name: string): Envelope<Snapshot> {
  return parseEnvelope(bytes, name, { type: 'snapshot', maxBytes: maxSnapshotBytes, parse: readSnapshot });
}

/** @throws CodedError ERR_EXPORT_TUF_INVALID */
export function parseTimestamp(bytes: Uint8Array, name: string): Envelope<Timestamp> {
  return parseEnvelope(bytes, name, {
    type: 'timestamp',
    maxBytes: maxTimestampBytes,
    parse: (node, head) => ({ ...head, snapshot: parseMeta(node.member('meta').member('snapshot.json')) }),
  });
}

function readSnapshot(node: JsonNode, head: Signed): Snapshot {
  const roles = new Map<string, MetaFacts>();
  const meta = node.member('meta');
  for (const [file, facts] of meta.entries(MAX_ROLES)) {
    const role = file.replace(/\.json$/, '');
    // Old snapshots may still list roots.
    if (role === file || !(isDelegatedRole(role) || role === 'targets' || role === 'root')) {
      throw facts.fault('not the file of a role');
    }
    roles.set(role, parseMeta(facts));
  }
  if (!roles.has('targets')) throw meta.fault('targets.json is missing');
  return { ...head, roles };
}

function parseMeta(node: JsonNode): MetaFacts {
  const [length, hashes] = [node.optional('length'), node.optional('hashes')];
  return {
    version: node.member('version').integer(1),
    ...(length === undefined ? {} : { length: length.integer(1) }),
    ...(hashes === undefined ? {} : { hashes: parseHashes(hashes) }),
  };
}
