import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addSeconds, type Instant } from '#core';
import type { Signer } from '#signing';
import { memoryState } from '../../src/tuf/client/state.ts';
import { initRepository, rotateRoot, signRoot } from '../../src/tuf/repository/ceremony.ts';
import { signWaiting } from '../../src/tuf/repository/partial.ts';
import { defaultLifetimes } from '../../src/tuf/repository/repository.ts';
import { keyidOfSigner } from '../../src/tuf/repository/sign.ts';
import { statusOf } from '../../src/tuf/repository/status.ts';
import { addTarget, refreshOnlineRoles, renewTargets, rotateStream } from '../../src/tuf/repository/streams.ts';
import { refusal } from './refusal.ts';
import { newSigner, type RepositoryFixture, START, signedFixture } from './repository-fixture.ts';

const DAY = 86_400;
const days = (count: number): Instant => addSeconds(START, count * DAY);

interface PartialFixture extends RepositoryFixture {
  /** The two keys of the stream `feed`, both of which have to sign. */
  readonly both: readonly [Signer, Signer];
}

/** A repository whose stream `feed` has a target and needs two signatures. */
async function partialFixture(): Promise<PartialFixture> {
  const fixture = await signedFixture();
  await fixture.add('one');
  const both = [fixture.stream, newSigner()] as const;
  const change = { add: [both[1].publicKey], remove: [], threshold: 2 };
  await rotateStream(fixture.dir, 'feed', change, [...both, fixture.targets, fixture.online], START);
  return { ...fixture, both };
}

const addTo = (dir: string, content: string, signers: readonly Signer[], stream = 'feed', at = START) =>
  addTarget(dir, { stream, newKey: signers[0]?.publicKey, bytes: Buffer.from(content), base: undefined, signers, at });

const sign = (dir: string, signers: readonly Signer[], copies: readonly string[] = [], at = START) =>
  signWaiting(dir, { signers, copies, at });

const roles = (published: readonly { readonly role: string }[]) => published.map(({ role }) => role);

/** What clients read. */
async function publishedFiles(fixture: RepositoryFixture): Promise<Map<string, Buffer>> {
  return new Map([...(await fixture.files())].filter(([name]) => !name.startsWith('staged/')));
}

async function copyOf({ dir }: RepositoryFixture): Promise<string> {
  const copy = await mkdtemp(join(dir, '../copy-'));
  await cp(dir, copy, { recursive: true });
  return copy;
}

describe('a stream with a threshold of two', () => {
  it('waits for the second signature, made on another machine; nothing is published before', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online } = fixture;
    const before = await publishedFiles(fixture);
    const added = await addTo(dir, 'two', [both[0], online]);
    const keyids = both.map(keyidOfSigner);
    expect(added).toMatchObject({ target: 'feed.2.json', sequence: 2, published: [] });
    expect(added.waiting).toMatchObject([{ role: 'feed', version: 3, threshold: 2, complete: false }]);
    expect(added.waiting[0]?.keys.toSorted((a, b) => keyids.indexOf(a.keyid) - keyids.indexOf(b.keyid))).toEqual([
      { keyid: keyids[0], signed: true },
      { keyid: keyids[1], signed: false },
    ]);
    expect(await publishedFiles(fixture)).toEqual(before);

    const copy = await copyOf(fixture);
    // The other machine has no online key: the stream is complete there, and the snapshot waits.
    expect((await sign(copy, [both[1]])).waiting).toMatchObject([{ role: 'snapshot', complete: false }]);
    const state = memoryState();
    await fixture.refresh(START, state);
    const done = await sign(dir, [online], [join(copy, 'staged/feed.json')]);
    expect(done.waiting).toEqual([]);
    expect(roles(done.published)).toEqual(['feed', 'snapshot', 'timestamp']);
    const trusted = await fixture.refresh(START, state);
    const found = await trusted.find('feed.2.json');
    expect(Buffer.from(await trusted.download(found as NonNullable<typeof found>)).toString()).toBe('two');
    expect([...(await fixture.files()).keys()].filter((name) => name.startsWith('staged/'))).toEqual([]);
    await expect(sign(dir, [online])).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'waits for signatures'));
  });

  it('is completed by the same command with another key', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online } = fixture;
    await addTo(dir, 'two', [both[0]]);
    const again = await addTo(dir, 'two', [both[0]]);
    expect(again.waiting).toMatchObject([{ role: 'feed', version: 3 }]);
    expect(roles((await addTo(dir, 'two', [both[1], online], 'feed', days(1))).published)).toContain('feed');
  });

  it('shows what waits in its status, and does not fail for it', async () => {
    await using fixture = await partialFixture();
    await addTo(fixture.dir, 'two', []);
    const { waiting, refused, roles: published } = await statusOf(fixture.dir, START, DAY);
    expect(waiting).toMatchObject([{ role: 'feed', version: 3, threshold: 2, complete: false }]);
    expect(waiting[0]?.keys.map(({ signed }) => signed)).toEqual([false, false]);
    expect(refused).toBeUndefined();
    expect(published.find(({ role }) => role === 'feed')).toMatchObject({ version: 2, targets: 1, state: 'valid' });
  });

  it('keeps nothing else from being published', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online, targets } = fixture;
    await addTo(dir, 'two', [both[0]]);
    expect(roles((await refreshOnlineRoles(dir, [online], days(1))).published)).toEqual(['timestamp']);
    const other = newSigner();
    expect((await addTo(dir, 'x', [other, targets, online], 'other', days(1))).published).toHaveLength(4);
    expect(roles((await sign(dir, [both[1], online], [], days(1))).published)).toEqual([
      'feed',
      'snapshot',
      'timestamp',
    ]);
    const trusted = await fixture.refresh(days(1));
    expect(await trusted.find('feed.2.json')).toBeDefined();
    expect(await trusted.find('other.1.json')).toBeDefined();
  });

  it('takes no other content while one waits', async () => {
    await using fixture = await partialFixture();
    const { dir, both } = fixture;
    await addTo(dir, 'two', [both[0]]);
    const attempt = addTo(dir, 'three', [both[0]]);
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'another content waits for signatures'));
    await rm(join(dir, 'staged/feed.json'));
    expect((await addTo(dir, 'three', [both[0]])).waiting).toHaveLength(1);
  });

  it.each([
    ['by a stranger', async ({ dir }: PartialFixture) => sign(dir, [newSigner()]), 'is not a key of these roles'],
    ['by a copy that is not there', async ({ dir }: PartialFixture) => sign(dir, [], [`${dir}/no`]), 'no such file'],
    [
      'by a copy of another document',
      async (fixture: PartialFixture) => {
        const copy = await copyOf(fixture);
        const path = join(copy, 'staged/feed.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"expires": "2026', '"expires": "2036'));
        return sign(fixture.dir, [], [path]);
      },
      'a copy of no document that waits',
    ],
  ])('is not signed %s', async (_, attempt, text) => {
    await using fixture = await partialFixture();
    await addTo(fixture.dir, 'two', [fixture.both[0]]);
    const before = await fixture.files();
    await expect(attempt(fixture)).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', text));
    expect(await fixture.files()).toEqual(before);
  });

  it('does not count a signature that is broken, of a copy or of what waits', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online } = fixture;
    await addTo(dir, 'two', [both[0]]);
    const copy = await copyOf(fixture);
    await sign(copy, [both[1]]);
    const path = join(copy, 'staged/feed.json');
    const breakAll = async (file: string) =>
      writeFile(file, (await readFile(file, 'utf8')).replace(/"sig": "[0-9a-f]{8}/g, '"sig": "00000000'));
    await breakAll(path);
    expect((await sign(dir, [online], [path])).waiting).toMatchObject([{ role: 'feed' }]);
    await breakAll(join(dir, 'staged/feed.json'));
    const { waiting } = await sign(dir, [both[1]]);
    expect(waiting[0]?.keys.filter(({ signed }) => signed)).toEqual([{ keyid: keyidOfSigner(both[1]), signed: true }]);
  });

  it('is not published without the bytes of its target', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online } = fixture;
    await addTo(dir, 'two', [both[0]]);
    const [target] = [...(await fixture.files()).keys()].filter((name) => name.startsWith('staged/targets/'));
    await writeFile(join(dir, target as string), 'too');
    await expect(sign(dir, [both[1], online])).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'feed.2.json'));
    await rm(join(dir, target as string));
    await expect(sign(dir, [both[1], online])).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'missing'));
  });

  it('is not taken up again when it was published, and the process was killed before it deleted it', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online } = fixture;
    await addTo(dir, 'two', [both[0]]);
    const copy = await copyOf(fixture);
    await sign(dir, [both[1], online]);
    await cp(join(copy, 'staged'), join(dir, 'staged'), { recursive: true });
    expect((await statusOf(dir, START, DAY)).waiting).toEqual([]);
    await expect(sign(dir, [both[1]])).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'no role below the root'));
    expect((await addTo(dir, 'three', [...both, online])).published).toHaveLength(3);
  });

  it('is signed anew where what waits has expired', async () => {
    await using fixture = await partialFixture();
    const { dir, both, online } = fixture;
    await addTo(dir, 'two', [both[0]]);
    const late = await sign(dir, [both[1], online], [], days(91));
    expect(late.waiting[0]).toMatchObject({ role: 'feed', version: 3, expires: days(181) });
    expect(roles((await sign(dir, [both[0], online], [], days(91))).published)).toContain('feed');
  });
});

describe('top-level roles with a threshold of two', () => {
  async function init(options: { targets?: number; online?: number }) {
    const fixture = await signedFixture();
    const dir = join(fixture.dir, '../other');
    const pair = (kind: 'ed25519' | 'p256') => [newSigner(), newSigner(kind)] as const;
    const [targets, online] = [pair('p256'), pair('p256')];
    await initRepository(dir, {
      rootKeys: [fixture.root[0] as Signer].map(({ publicKey }) => publicKey),
      rootThreshold: 1,
      targetsKeys: targets.map(({ publicKey }) => publicKey),
      targetsThreshold: options.targets,
      onlineKeys: online.map(({ publicKey }) => publicKey),
      onlineThreshold: options.online,
      lifetimes: defaultLifetimes,
      at: START,
    });
    const root = { rootSigners: [fixture.root[0] as Signer], copies: [], at: START };
    return { fixture, dir, targets, online, root };
  }

  it('targets wait with a first root that is complete', async () => {
    const { fixture, dir, targets, online, root } = await init({ targets: 2 });
    await using _fixture = fixture;
    const signed = await signRoot(dir, { ...root, signers: [targets[0], online[0]] });
    expect(signed).toMatchObject({ complete: true, published: [], waiting: [{ role: 'targets', version: 1 }] });
    await expect(fixture.refresh(START, memoryState(), dir)).rejects.toThrow();
    expect(await statusOf(dir, START, DAY)).toMatchObject({
      waiting: [{ role: 'targets' }],
      refused: 'the first publication is not signed yet',
    });
    const { published } = await sign(dir, [targets[1], online[0]]);
    expect(roles(published)).toEqual(['targets', 'snapshot', 'timestamp']);
    expect((await fixture.refresh(START, memoryState(), dir)).root.signed.version).toBe(1);
    expect((await statusOf(dir, START, DAY)).staged).toBeUndefined();
  });

  it('snapshot and timestamp are signed one after the other, each by both', async () => {
    const { fixture, dir, targets, online, root } = await init({ online: 2 });
    await using _fixture = fixture;
    const [a, b] = online;
    expect((await signRoot(dir, { ...root, signers: [targets[0], a] })).waiting).toMatchObject([{ role: 'snapshot' }]);
    expect((await sign(dir, [b])).waiting).toMatchObject([{ role: 'timestamp' }]);
    expect(roles((await sign(dir, [a])).published)).toEqual(['targets', 'snapshot', 'timestamp']);
    await fixture.refresh(START, memoryState(), dir);

    expect((await refreshOnlineRoles(dir, [a], days(1))).waiting).toMatchObject([{ role: 'timestamp', version: 2 }]);
    // Nobody signed for a week: the next refresh begins anew.
    const anew = await refreshOnlineRoles(dir, [b], days(9));
    expect(anew.waiting).toMatchObject([{ role: 'timestamp', version: 2, expires: days(16) }]);
    expect((await refreshOnlineRoles(dir, [a], days(10))).published).toEqual([
      { role: 'timestamp', version: 2, expires: days(16) },
    ]);
    await fixture.refresh(days(15), memoryState(), dir);
  });

  it('a threshold that is raised takes effect with the signatures that it asks for', async () => {
    await using fixture = await signedFixture();
    const { dir, targets, online, root } = fixture;
    const second = newSigner();
    const change = { add: [second.publicKey], remove: [], threshold: 2 };
    await rotateRoot(dir, 'targets', change, START);
    const signing = { rootSigners: root, copies: [], signers: [targets, online], at: START };
    expect(await signRoot(dir, signing)).toMatchObject({ complete: true, waiting: [{ role: 'targets', version: 2 }] });
    expect((await fixture.refresh()).root.signed.version).toBe(1);
    expect(roles((await sign(dir, [second, online])).published)).toEqual(['targets', 'snapshot', 'timestamp']);
    expect((await fixture.refresh()).root.signed.version).toBe(2);
    expect((await renewTargets(dir, [targets, online], START)).waiting).toMatchObject([
      { role: 'targets', version: 3 },
    ]);
  });
});
