import { CodedError, compileGlob } from '#core';
import type { OperationOptions, Repository } from '#oci/image';
import { collectAttestations, type Verifier } from '#signing';
import type { Repository as RepositoryState } from './mirror-snapshot.generated.ts';
import type { ResolvedTag } from './walk.ts';

/**
 * Demands of each tag a cosign signature, in either form, by one of several keys.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_MISSING, ERR_EXPORT_SIGNATURE_INVALID
 */
export async function requireSigned(
  source: Repository,
  tags: readonly ResolvedTag[],
  verifiers: readonly Verifier[],
  options: OperationOptions,
): Promise<void> {
  const unsigned: string[] = [];
  for (const { tag, descriptor } of tags) {
    if (!(await isSigned(source, descriptor, verifiers, options))) unsigned.push(tag);
  }
  if (unsigned.length === 0) return;
  const keyids = verifiers.map(({ keyid }) => keyid);
  throw new CodedError(
    'ERR_EXPORT_SIGNATURE_MISSING',
    `${source.name}: no signature by ${keyids.join(' or ')} on the tags ${unsigned.join(', ')}`,
    {
      hint: 'sign them, select other tags, or write signatures: none for this repository',
      details: { repository: source.name, tags: unsigned, keyids },
    },
  );
}

async function isSigned(
  source: Repository,
  descriptor: ResolvedTag['descriptor'],
  verifiers: readonly Verifier[],
  options: OperationOptions,
): Promise<boolean> {
  for (const verifier of verifiers) {
    const { signatures } = await collectAttestations(source, descriptor, verifier, options);
    if (signatures.length > 0) return true;
  }
  return false;
}

/**
 * Refuses tags that must not move and have.
 *
 * @param globs of the tags that must not
 * @throws CodedError ERR_EXPORT_TAG_MOVED
 */
export function requireUnmoved(
  source: Repository,
  tags: readonly ResolvedTag[],
  globs: readonly string[],
  known: RepositoryState | undefined,
): void {
  const rules = globs.map(compileGlob);
  const before = new Map(known?.tags.map(({ tag, digest }) => [tag, digest]));
  const moved = tags.filter(({ tag, descriptor: { digest } }) => {
    const was = before.get(tag);
    return was !== undefined && was !== digest && rules.some((matches) => matches(tag));
  });
  if (moved.length === 0) return;
  const list = moved.map(({ tag, descriptor }) => `${tag} from ${before.get(tag)} to ${descriptor.digest}`);
  throw new CodedError('ERR_EXPORT_TAG_MOVED', `${source.name}: immutable tags have moved: ${list.join('; ')}`, {
    hint: 'find out who moved them; if that was right, remove them from immutable in the spec',
    details: { repository: source.name, tags: moved.map(({ tag }) => tag) },
  });
}
