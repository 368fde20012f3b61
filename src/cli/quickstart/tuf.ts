import { join } from 'node:path';
import type { Instant } from '#core';
import {
  createSigner,
  decodePrivateKey,
  generateKeyPair,
  keyFilesIn,
  type Signer,
  tufKeyKinds,
  writeKeyPair,
} from '#signing';
import { defaultLifetimes, initRepository, refreshOnlineRoles, signRoot } from '#tuf';
import { readIfThere } from './place.ts';

/** The keys of a TUF repository that a quickstart keeps, all on this machine. */
export interface TufKeys {
  readonly stream: Signer;
  /** Of stream, targets, snapshot and timestamp. */
  readonly signers: readonly Signer[];
}

/** The password is empty: these keys prove nothing beyond the machine on which they lie. */
const PASSWORD = '';

/** A TUF repository in a directory with keys in another; made if there is none, else refreshed. */
export async function prepareTuf(dir: string, keys: string, at: Instant): Promise<TufKeys> {
  const load = (name: string) => prepareSigner(join(keys, name));
  const [root, targets, online, stream] = [
    await load('root'),
    await load('targets'),
    await load('online'),
    await load('stream'),
  ];
  const signers = [stream, targets, online];
  if ((await readIfThere(join(dir, 'metadata', 'timestamp.json'))) !== undefined) {
    await refreshOnlineRoles(dir, signers, at);
    return { stream, signers };
  }
  if ((await readIfThere(join(dir, 'staged', 'root.json'))) === undefined) {
    await initRepository(dir, {
      rootKeys: [root.publicKey],
      rootThreshold: 1,
      targetsKeys: [targets.publicKey],
      onlineKeys: [online.publicKey],
      lifetimes: defaultLifetimes,
      at,
    });
  }
  await signRoot(dir, { rootSigners: [root], copies: [], signers, at });
  return { stream, signers };
}

async function prepareSigner(dir: string): Promise<Signer> {
  const { privateKey } = keyFilesIn(dir);
  const pem = await readIfThere(privateKey);
  if (pem !== undefined) return createSigner(await decodePrivateKey(pem, PASSWORD, privateKey, tufKeyKinds));
  const made = generateKeyPair('ed25519');
  await writeKeyPair(dir, made, PASSWORD);
  return createSigner(made.privateKey);
}
