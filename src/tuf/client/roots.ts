import { CodedError, isCoded } from '#core';
import { metadataRefused } from '../faults.ts';
import { type Envelope, maxRootBytes, parseRoot, type Root, requireCurrent, requireThreshold } from '../metadata.ts';
import { type ClientContext, readLocal } from './context.ts';

/** As python-tuf, go-tuf and tuf-js. */
const MAX_ROTATIONS = 256;

/**
 * The newest root to which a chain leads from the trusted one, each signed by the keys of the one before and by its own
 * (specification §5.3). Roots of the state count like those of the source, so that no source can hide one.
 *
 * @throws CodedError ERR_EXPORT_TUF_INVALID, ERR_EXPORT_SIGNATURE_INVALID, ERR_EXPORT_TUF_ROLLBACK for another version
 *   than the next, ERR_EXPORT_TUF_EXPIRED
 */
export async function trustRoot(context: ClientContext, trusted: Uint8Array): Promise<Envelope<Root>> {
  let root = parseTrustedRoot(trusted);
  for (let i = 0; ; i++) {
    const next = await nextRoot(context, root);
    if (next === undefined) break;
    if (i === MAX_ROTATIONS) throw tooMany(next);
    root = next;
  }
  // Written also when it has expired (specification §5.3.8): an older one must not come back.
  await writeChanged(context, 'root', root.bytes);
  requireCurrent(root, context.at);
  return root;
}

/**
 * The root that a user trusts, by itself.
 *
 * @throws CodedError ERR_EXPORT_TUF_INVALID, ERR_EXPORT_SIGNATURE_INVALID
 */
export function parseTrustedRoot(bytes: Uint8Array): Envelope<Root> {
  const name = 'the trusted root';
  try {
    const root = parseRoot(bytes, name);
    requireThreshold(root, root.signed.roles.root, name);
    return root;
  } catch (error) {
    if (!isCoded(error)) throw error;
    const hint =
      'specify 1.root.json of the repository, or a later root, which you received in another way than the rest';
    throw new CodedError(error.code, error.message, { hint, details: error.details, cause: error.cause });
  }
}

async function nextRoot(context: ClientContext, root: Envelope<Root>): Promise<Envelope<Root> | undefined> {
  const version = root.signed.version + 1;
  const document = `${version}.root`;
  const verify = (bytes: Uint8Array, name: string) => verifySuccessor(root, bytes, name);
  const local = await readLocal(context, document, verify);
  if (local !== undefined) return local;
  const bytes = await context.source.read('metadata', `${document}.json`, maxRootBytes);
  if (bytes === undefined) return undefined;
  const next = verify(bytes, `${document}.json`);
  await context.state.write(document, bytes);
  return next;
}

/**
 * A root that may follow another one.
 *
 * @throws CodedError ERR_EXPORT_TUF_INVALID, ERR_EXPORT_SIGNATURE_INVALID, ERR_EXPORT_TUF_ROLLBACK
 */
export function verifySuccessor(root: Envelope<Root>, bytes: Uint8Array, name: string): Envelope<Root> {
  const next = parseRoot(bytes, name);
  requireThreshold(next, root.signed.roles.root, `root ${root.signed.version}`);
  requireThreshold(next, next.signed.roles.root, 'it');
  const want = root.signed.version + 1;
  if (next.signed.version === want) return next;
  throw metadataRefused('ERR_EXPORT_TUF_ROLLBACK', name, `version ${next.signed.version}, but ${want} comes next`);
}

async function writeChanged({ state }: ClientContext, document: string, bytes: Uint8Array): Promise<void> {
  const have = await state.read(document).catch(() => undefined);
  if (have === undefined || !Buffer.from(have).equals(bytes)) await state.write(document, bytes);
}

function tooMany({ name }: Envelope<Root>) {
  const hint = 'start from a newer root that you trust';
  return metadataRefused(
    'ERR_EXPORT_TUF_INVALID',
    name,
    `more than ${MAX_ROTATIONS} roots after the trusted one`,
    hint,
  );
}
