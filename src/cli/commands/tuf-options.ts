import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { CodedError, fileError, type Instant, instantOf, systemClock } from '#core';
import type { Signer } from '#signing';
import type { Io } from '../io.ts';
import { loadTufSigners } from '../key-files.ts';
import { formatBytes } from '../numbers.ts';
import { collect } from '../options.ts';

/** Private keys of the roles below the root. */
export interface SignerFiles {
  readonly targetsKey?: readonly string[];
  readonly streamKey?: readonly string[];
  readonly onlineKey?: readonly string[];
}

/** Adds the options for the private keys of these roles. */
export function withSigners(command: Command, ...roles: readonly ('targets' | 'stream' | 'online')[]): Command {
  const what = {
    targets: 'private key of the top-level targets; repeatable',
    stream: 'private key of the stream; repeatable',
    online: 'private key of snapshot and timestamp; repeatable',
  };
  for (const role of roles) command.option(`--${role}-key <file>`, what[role], collect);
  return command;
}

/** The signers behind lists of key files, each file once. */
export async function loadSigners(io: Io, ...lists: readonly (readonly string[] | undefined)[]): Promise<Signer[]> {
  return [...(await loadTufSigners(io, ...lists)).values()];
}

/** Adds the options of `export` for the TUF repository that lists the bundle. */
export function withListingOptions(command: Command): Command {
  return command
    .option(
      '--tuf <place>',
      'TUF repository, a directory or reference, that lists the bundle as a target in the stream of its profile',
    )
    .option('--tuf-trust <file>', 'root that you trust; required if --tuf is a reference')
    .option('--tuf-stream-key <file>', 'private key of the stream; repeatable', collect)
    .option(
      '--tuf-targets-key <file>',
      'private key of the top-level targets, to begin the stream; repeatable',
      collect,
    )
    .option('--tuf-online-key <file>', 'private key of snapshot and timestamp; repeatable', collect);
}

const MAX_ROOT_BYTES = 512_000;

/** The file of a root that the user trusts. */
export function readTrustedRoot(path: string): Promise<Uint8Array> {
  return readWhole(path, MAX_ROOT_BYTES);
}

/** A whole file. @throws CodedError ERR_EXPORT_TOO_LARGE, ERR_EXPORT_IO */
export async function readWhole(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size <= maxBytes) return await file.readFile();
    throw new CodedError('ERR_EXPORT_TOO_LARGE', `${path}: ${formatBytes(size)}, more than ${formatBytes(maxBytes)}`, {
      hint: 'specify a manifest or another small document',
    });
  } catch (error) {
    throw fileError(error, path);
  }
}

/** The time of this machine. */
export function now(): Instant {
  return instantOf(systemClock.now());
}

/** A whole number from 1 on. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CodedError('ERR_EXPORT_USAGE', `not a number from 1 on: ${JSON.stringify(text.slice(0, 100))}`, {});
}

/** How a repository is made and used. */
export const tufExample = `
Keys are Ed25519 or ECDSA P-256: cosign.key and cosign.pub, or PKCS#8 and SubjectPublicKeyInfo PEM.

Example:
  export-center tuf init repo --root-key a.pub --root-key b.pub --root-key c.pub --root-threshold 2 --targets-key t.pub --online-key o.pub
  export-center tuf root sign repo --key a.key
  export-center tuf root sign repo --key b.key --targets-key t.key --online-key o.key
  export-center tuf add repo feed.json --stream feed --stream-key t.key --targets-key t.key --online-key o.key
  export-center tuf refresh repo --online-key o.key`;
