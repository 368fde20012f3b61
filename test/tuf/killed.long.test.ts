import type * as fs from 'node:fs/promises';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { addSeconds, type Instant } from '#core';
import type { Signer } from '#signing';
import { refreshRepository } from '../../src/tuf/client/refresh.ts';
import { directorySource } from '../../src/tuf/client/source.ts';
import { directoryState, memoryState } from '../../src/tuf/client/state.ts';
import { rotateRoot, signRoot } from '../../src/tuf/repository/ceremony.ts';
import { signWaiting } from '../../src/tuf/repository/partial.ts';
import { keyidOfSigner } from '../../src/tuf/repository/sign.ts';
import { addTarget, refreshOnlineRoles, rotateStream } from '../../src/tuf/repository/streams.ts';
import { refusal } from './refusal.ts';
import { newSigner, type RepositoryFixture, START, signedFixture } from './repository-fixture.ts';

/** The file system, which can be told to fail for good from the n-th rename on, as if the process had been killed there. */
const disk = vi.hoisted(() => ({ renames: 0, stopAt: Number.POSITIVE_INFINITY }));

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof fs>();
  const rename: typeof actual.rename = async (from, to) => {
    if (++disk.renames >= disk.stopAt) throw Object.assign(new Error('killed'), { code: 'EKILLED' });
    return actual.rename(from, to);
  };
  return { ...actual, rename };
});

afterEach(() => {
  disk.stopAt = Number.POSITIVE_INFINITY;
});

/** Runs `work` until it ends, or until the n-th file is put in place. */
async function killedAt(rename: number, work: () => Promise<unknown>): Promise<boolean> {
  disk.renames = 0;
  disk.stopAt = rename;
  const killed = await work().then(
    () => false,
    () => true,
  );
  disk.stopAt = Number.POSITIVE_INFINITY;
  return killed;
}

const LATER = addSeconds(START, 3600) as Instant;

it('a publication that is killed at any write leaves what clients accept, and can be repeated', async () => {
  await using fixture = await signedFixture();
  await fixture.add('one');
  const state = memoryState();
  await fixture.refresh(START, state);
  let kills = 0;
  for (let write = 1; ; write++) {
    const content = `content ${write}`;
    const killed = await killedAt(write, () => fixture.add(content, LATER));
    await fixture.refresh(LATER, state);
    if (!killed) break;
    kills++;
    const { sequence } = await fixture.add(content, LATER);
    expect(await (await fixture.refresh(LATER, state)).find(`feed.${sequence}.json`)).toBeDefined();
  }
  // The target, the stream, the snapshot, the timestamp.
  expect(kills).toBe(4);
});

it('a refresh that is killed at any write can be repeated', async () => {
  await using fixture = await signedFixture();
  const state = memoryState();
  const at = addSeconds(START, 20 * 86_400);
  for (let write = 1; ; write++) {
    const killed = await killedAt(write, () => refreshOnlineRoles(fixture.dir, [fixture.online], at));
    if (!killed) break;
    await refreshOnlineRoles(fixture.dir, [fixture.online], at);
    await fixture.refresh(at, state);
  }
  await fixture.refresh(at, state);
});

it('a publication of what waited for signatures, killed at any write, can be repeated', async () => {
  await using fixture = await signedFixture();
  await fixture.add('one');
  const { dir, stream, targets, online } = fixture;
  const second = newSigner();
  const change = { add: [second.publicKey], remove: [], threshold: 2 };
  await rotateStream(dir, 'feed', change, [stream, second, targets, online], START);
  const state = memoryState();
  let kills = 0;
  for (let write = 1; ; write++) {
    const content = Buffer.from(`content ${write}`);
    const add = () =>
      addTarget(dir, {
        stream: 'feed',
        newKey: undefined,
        bytes: content,
        base: undefined,
        signers: [stream],
        at: LATER,
      });
    if (await killedAt(write, add)) {
      kills++;
      await add();
    }
    const sign = () => signWaiting(dir, { signers: [second, online], copies: [], at: LATER });
    const killed = await killedAt(write, sign);
    await fixture.refresh(LATER, state);
    if (!killed) break;
    kills++;
    await sign();
    expect(await (await fixture.refresh(LATER, state)).find(`feed.${write + 1}.json`)).toBeDefined();
  }
  // The staged target and stream; then the target, the stream, the snapshot, the timestamp.
  expect(kills).toBe(2 + 4);
});

it('a root that is killed at any write of its publication can be published again', async () => {
  await using fixture = await signedFixture();
  const fresh = newSigner();
  const change = { add: [fresh.publicKey], remove: [keyidOfSigner(fixture.online)], threshold: undefined };
  await rotateRoot(fixture.dir, 'timestamp', change, LATER);
  await rotateRoot(fixture.dir, 'snapshot', change, LATER);
  const [first, second] = fixture.root as [Signer, Signer];
  const sign = (dir: string) =>
    signRoot(dir, { rootSigners: [first, second], copies: [], signers: [fresh], at: LATER });
  let kills = 0;
  for (let write = 1; ; write++) {
    const copy = await mkdtemp(join(fixture.dir, '../copy-'));
    await cp(fixture.dir, copy, { recursive: true });
    const killed = await killedAt(write, () => sign(copy));
    if (killed) {
      kills++;
      await sign(copy);
    }
    await refreshed(fixture, copy);
    await rm(copy, { recursive: true });
    if (!killed) break;
  }
  // The staged root, the snapshot, the root, the timestamp.
  expect(kills).toBe(4);
});

it('a client that is killed at any write of its state goes on from there, and accepts nothing older', async () => {
  await using fixture = await signedFixture();
  await fixture.add('one');
  const trustedRoot = await readFile(join(fixture.dir, 'metadata/1.root.json'));
  const old = await mkdtemp(join(fixture.dir, '../old-'));
  await cp(fixture.dir, old, { recursive: true });
  await fixture.add('two', LATER);
  let kills = 0;
  for (let write = 1; ; write++) {
    const state = directoryState(await mkdtemp(join(fixture.dir, '../state-')));
    const refresh = async (dir: string) => {
      const source = directorySource(dir);
      await (await refreshRepository({ trustedRoot, source, state, at: LATER })).find('feed.1.json');
    };
    await refresh(old);
    const killed = await killedAt(write, () => refresh(fixture.dir));
    await refresh(fixture.dir);
    await expect(refresh(old)).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK'));
    if (!killed) break;
    kills++;
  }
  // The timestamp, the snapshot, the stream; the root and the time are as they were.
  expect(kills).toBe(3);
});

async function refreshed(fixture: RepositoryFixture, dir: string): Promise<void> {
  const trusted = await fixture.refresh(LATER, memoryState(), dir);
  expect(trusted.root.signed.version).toBe(2);
}
