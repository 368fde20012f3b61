import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instant } from '#core';
import { createSigner, generateKeyPair, type KeyKind, type Signer } from '#signing';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import { directorySource } from '../../src/tuf/client/source.ts';
import { memoryState } from '../../src/tuf/client/state.ts';
import { initRepository, signRoot } from '../../src/tuf/repository/ceremony.ts';
import { defaultLifetimes } from '../../src/tuf/repository/repository.ts';
import { addTarget } from '../../src/tuf/repository/streams.ts';

export const START = '2026-08-01T00:00:00Z' as Instant;

export function newSigner(kind: KeyKind = 'ed25519'): Signer {
  return createSigner(generateKeyPair(kind).privateKey);
}

/** A repository of ours in a temporary folder, with all its keys. */
export interface RepositoryFixture extends AsyncDisposable {
  readonly dir: string;
  readonly root: readonly Signer[];
  readonly targets: Signer;
  readonly stream: Signer;
  readonly online: Signer;
  /** Adds a target to the stream `feed`. */
  add(content: string, at?: Instant, base?: number): ReturnType<typeof addTarget>;
  /** Refreshes as a client that trusts the first root, from the repository or a copy of it. */
  refresh(at?: Instant, state?: ReturnType<typeof memoryState>, of?: string): ReturnType<typeof refreshRepository>;
  files(): Promise<Map<string, Buffer>>;
}

/** A new folder for a repository, and keys for it: a root of two of three keys of both kinds. */
async function newFixture(start: Instant = START): Promise<RepositoryFixture> {
  const parent = await mkdtemp(join(tmpdir(), 'tuf-'));
  const dir = join(parent, 'repo');
  const root = [newSigner('ed25519'), newSigner('p256'), newSigner('p256')];
  const [targets, stream, online] = [newSigner(), newSigner('p256'), newSigner()];
  return {
    ...{ dir, root, targets, stream, online },
    add: (content, at = start, base = undefined) => {
      const signers = [stream, targets, online];
      const bytes = Buffer.from(content);
      return addTarget(dir, { stream: 'feed', newKey: stream.publicKey, bytes, base, signers, at });
    },
    async refresh(at = START, state = memoryState(), of = dir) {
      const trustedRoot = await readFile(join(of, 'metadata/1.root.json'));
      return refreshRepository({ trustedRoot, source: directorySource(of), state, at });
    },
    async files() {
      const names = await readdir(dir, { recursive: true, withFileTypes: true });
      const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const found = await Promise.all(paths.sort().map(async (path) => [path, await readFile(path)] as const));
      return new Map(found.map(([path, bytes]) => [path.slice(dir.length + 1), bytes]));
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

/** A repository that waits for signatures of its first root. */
export async function initFixture(at: Instant = START): Promise<RepositoryFixture> {
  const fixture = await newFixture(at);
  await initRepository(fixture.dir, {
    rootKeys: fixture.root.map(({ publicKey }) => publicKey),
    rootThreshold: 2,
    targetsKeys: [fixture.targets.publicKey],
    onlineKeys: [fixture.online.publicKey],
    lifetimes: defaultLifetimes,
    at,
  });
  return fixture;
}

/** A repository whose first root is published, signed in two steps. */
export async function signedFixture(at: Instant = START): Promise<RepositoryFixture> {
  const fixture = await initFixture(at);
  const [first, second] = fixture.root as [Signer, Signer];
  const signers = [fixture.targets, fixture.online];
  await signRoot(fixture.dir, { rootSigners: [first], copies: [], signers: [], at });
  await signRoot(fixture.dir, { rootSigners: [second], copies: [], signers, at });
  return fixture;
}
