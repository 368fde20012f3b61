import { type Envelope, parseEnvelope, type Signed } from './envelope.ts';
import type { TufKey } from './keys.ts';
import { type TopLevelRole, topLevelRoles } from './names.ts';
import type { JsonNode } from './node.ts';
import { parseKeys, parseRoleKeys, type RoleKeys } from './roles.ts';

/** Who signs for the four top-level roles (specification §4.3). */
export interface Root extends Signed {
  readonly keys: ReadonlyMap<string, TufKey>;
  readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>;
}

/** As python-tuf, go-tuf and tuf-js. */
const MAX_BYTES = 512_000;

/** @throws CodedError ERR_EXPORT_TUF_INVALID */
export function parseRoot(bytes: Uint8Array, name: string): Envelope<Root> {
  return parseEnvelope(bytes, name, { type: 'root', maxBytes: MAX_BYTES, parse: readRoot });
}

function readRoot(node: JsonNode, head: Signed): Root {
  const consistent = node.member('consistent_snapshot');
  if (!consistent.flag()) throw consistent.fault('only consistent snapshots are supported');
  const keys = parseKeys(node.member('keys'));
  const roles = node.member('roles');
  const [root, targets, snapshot, timestamp] = topLevelRoles.map((role) => parseRoleKeys(roles.member(role), keys)) as [
    RoleKeys,
    RoleKeys,
    RoleKeys,
    RoleKeys,
  ];
  return { ...head, keys, roles: { root, targets, snapshot, timestamp } };
}

/** Of the file of one root. */
export const maxRootBytes = MAX_BYTES;
