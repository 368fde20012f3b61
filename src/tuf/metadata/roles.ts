import { parseKeyid, parseTufKey, type TufKey } from './keys.ts';
import type { JsonNode } from './node.ts';

/** Who signs for a role, and how many of them are needed. */
export interface RoleKeys {
  /** The keys that the role may be signed with, by keyid. */
  readonly keys: ReadonlyMap<string, TufKey>;
  readonly threshold: number;
}

const MAX_KEYS = 256;
const MAX_ROLE_KEYS = 64;

/** The keys of a root or of delegations, by keyid. */
export function parseKeys(node: JsonNode): ReadonlyMap<string, TufKey> {
  return new Map(node.entries(MAX_KEYS).map(([keyid, key]) => [keyid, parseTufKey(keyid, key)]));
}

/**
 * The `keyids` and the `threshold` of a role.
 *
 * @throws CodedError ERR_EXPORT_TUF_INVALID, also where the role names a key that is not there, or one twice, or its
 *   keys cannot reach its threshold
 */
export function parseRoleKeys(node: JsonNode, known: ReadonlyMap<string, TufKey>): RoleKeys {
  const keys = new Map<string, TufKey>();
  for (const item of node.member('keyids').list(MAX_ROLE_KEYS)) {
    const keyid = parseKeyid(item);
    const key = known.get(keyid);
    if (key === undefined) throw item.fault('no key has this keyid');
    if (keys.has(keyid)) throw item.fault('a keyid is named twice');
    keys.set(keyid, key);
  }
  const threshold = node.member('threshold').integer(1);
  const distinct = new Set([...keys.values()].map(({ material }) => material)).size;
  if (threshold > distinct) throw node.fault(`threshold ${threshold} of ${distinct} different keys`);
  return { keys, threshold };
}
