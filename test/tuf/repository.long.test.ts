import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addSeconds, type Instant, withLock } from '#core';
import type { Signer } from '#signing';
import { memoryState } from '../../src/tuf/client/state.ts';
import { initRepository, rotateRoot, signRoot } from '../../src/tuf/repository/ceremony.ts';
import { publish } from '../../src/tuf/repository/publish.ts';
import { defaultLifetimes, openRepository } from '../../src/tuf/repository/repository.ts';
import { keyidOfSigner } from '../../src/tuf/repository/sign.ts';
import { stagedRootPath } from '../../src/tuf/repository/staged.ts';
import { statusOf } from '../../src/tuf/repository/status.ts';
import { addTarget, refreshOnlineRoles, renewTargets, rotateStream } from '../../src/tuf/repository/streams.ts';
import { readJson } from '../core/read-json.ts';
import { refusal } from './refusal.ts';
import { initFixture, newSigner, type RepositoryFixture, START, signedFixture } from './repository-fixture.ts';

const DAY = 86_400;
const days = (count: number): Instant => addSeconds(START, count * DAY);
const nothing = { add: [], remove: [], threshold: undefined };
const rootOf = (fixture: RepositoryFixture) => fixture.root as [Signer, Signer, Signer];

/** Signs the staged root with some keys, and gives the keys of the other roles. */
function sign(fixture: RepositoryFixture, rootSigners: readonly Signer[], signers: readonly Signer[], at = START) {
  return signRoot(fixture.dir, { rootSigners, copies: [], signers, at });
}

describe('a first root', () => {
  it('is published once enough keys have signed, with everything a client needs', async () => {
    await using fixture = await initFixture();
    const [first, second] = rootOf(fixture);
    const signers = [fixture.targets, fixture.online];
    const half = await sign(fixture, [first], signers);
    expect(half).toMatchObject({ version: 1, threshold: 2, complete: false, published: [] });
    expect([...(await fixture.files()).keys()]).toEqual(['repository.json', 'staged/root.json']);
    const whole = await sign(fixture, [second], signers);
    expect(whole.signedBy.toSorted()).toEqual([keyidOfSigner(first), keyidOfSigner(second)].sort());
    expect(whole.published.map(({ role, version }) => [role, version])).toEqual([
      ['targets', 1],
      ['snapshot', 1],
      ['timestamp', 1],
    ]);
    expect([...(await fixture.files()).keys()]).toEqual([
      'metadata/1.root.json',
      'metadata/1.snapshot.json',
      'metadata/1.targets.json',
      'metadata/timestamp.json',
      'repository.json',
    ]);
    expect((await fixture.refresh()).root.signed.version).toBe(1);
  });

  it('can be signed on another machine, whose signatures are merged', async () => {
    await using fixture = await initFixture();
    const [first, second] = rootOf(fixture);
    const elsewhere = `${fixture.dir}-elsewhere`;
    await cp(fixture.dir, elsewhere, { recursive: true });
    await sign(fixture, [first], []);
    await signRoot(elsewhere, { rootSigners: [second], copies: [], signers: [], at: START });
    const options = { rootSigners: [], signers: [fixture.targets, fixture.online], at: START };
    const merged = await signRoot(fixture.dir, { ...options, copies: [stagedRootPath(elsewhere)] });
    expect(merged).toMatchObject({ complete: true, signedBy: { length: 2 } });
  });

  it('keeps its signatures when the key of another role is missing', async () => {
    await using fixture = await initFixture();
    const [first, second] = rootOf(fixture);
    const attempt = sign(fixture, [first, second], [fixture.targets]);
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', '1.snapshot.json: needs signatures by 1'));
    expect((await fixture.files()).has('metadata/timestamp.json')).toBe(false);
    expect(await sign(fixture, [], [fixture.targets, fixture.online])).toMatchObject({ complete: true });
  });

  it.each([
    ['a stranger', async (fixture: RepositoryFixture) => sign(fixture, [newSigner()], []), 'is not a key of this root'],
    ['nobody, in a damaged copy', async (fixture: RepositoryFixture) => mergeDamaged(fixture), 'another root'],
  ])('is not signed by %s', async (_, attempt, text) => {
    await using fixture = await initFixture();
    await expect(attempt(fixture)).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', text));
  });

  async function mergeDamaged(fixture: RepositoryFixture) {
    const copy = join(fixture.dir, '../copy.json');
    const text = await readFile(stagedRootPath(fixture.dir), 'utf8');
    await writeFile(copy, text.replace('"expires": "2027', '"expires": "2037'));
    return signRoot(fixture.dir, { rootSigners: [], copies: [copy], signers: [], at: START });
  }

  it('is made once', async () => {
    await using fixture = await initFixture();
    const keys = [fixture.online.publicKey];
    const options = { rootKeys: keys, rootThreshold: 1, targetsKeys: keys, onlineKeys: keys };
    const attempt = initRepository(fixture.dir, { ...options, lifetimes: defaultLifetimes, at: START });
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'already a TUF repository'));
  });
});

describe('documents', () => {
  it('expire after the lifetimes, to the second, and have keyids that are the hash of bare keys', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one', '2026-08-01T00:00:00.123Z' as Instant);
    const files = await fixture.files();
    const expires = (file: string) => (readJson(files.get(file)?.toString() ?? '') as Published).signed.expires;
    expect(expires('metadata/1.root.json')).toBe(days(365));
    expect(expires('metadata/1.feed.json')).toBe(days(90));
    expect(expires('metadata/2.snapshot.json')).toBe(days(30));
    expect(expires('metadata/timestamp.json')).toBe(days(7));
    const { keys } = (readJson(files.get('metadata/1.root.json')?.toString() ?? '') as Published).signed;
    for (const key of Object.values(keys)) expect(Object.keys(key).sort()).toEqual(['keytype', 'keyval', 'scheme']);
  });

  interface Published {
    readonly signed: { readonly expires: string; readonly keys: Readonly<Record<string, object>> };
  }
});

describe('a stream', () => {
  it('lists targets in sequence, each with what it builds on', async () => {
    await using fixture = await signedFixture();
    const first = await fixture.add('one');
    expect(first).toMatchObject({ target: 'feed.1.json', sequence: 1 });
    await fixture.add('two', START, 1);
    const trusted = await fixture.refresh();
    const found = await trusted.find('feed.2.json');
    expect(found?.custom).toEqual({ stream: 'feed', sequence: 2, baseSequence: 1, baseDigest: first.digest });
    expect(Buffer.from(await trusted.download(found as NonNullable<typeof found>)).toString()).toBe('two');
    expect(await trusted.find('feed.1.json')).toMatchObject({ custom: { stream: 'feed', sequence: 1 } });
  });

  it('is written once for the same bytes', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const before = await fixture.files();
    expect(await fixture.add('one')).toMatchObject({ sequence: 1, published: [] });
    expect(await fixture.files()).toEqual(before);
  });

  it('refuses the 501st target and names the remedy', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const facts = { length: 0, hashes: { sha256: '0'.repeat(64) } };
    const targets = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`feed.${i + 1}.json`, facts]));
    const streams = new Map([['feed', targets]]);
    await publish(
      await openRepository(fixture.dir),
      { streams },
      { signers: [fixture.stream, fixture.online], at: START },
    );
    await expect(fixture.add('more')).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_EXPORT_TUF_FULL', hint: expect.stringContaining('begin a new stream') }),
    );
  });

  it.each(['Feed', 'feed.x', 'a/b', '-a', 'root', ''])('is not called %j', async (stream) => {
    await using fixture = await signedFixture();
    const signers = [fixture.stream, fixture.targets, fixture.online];
    const options = { newKey: fixture.stream.publicKey, bytes: Buffer.from('x'), base: undefined, signers, at: START };
    await expect(addTarget(fixture.dir, { ...options, stream })).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE'));
  });

  it('needs a base that it lists', async () => {
    await using fixture = await signedFixture();
    await expect(fixture.add('two', START, 7)).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', 'no target 7'));
  });

  it('gets other keys at once, and is signed by them', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    const other = newSigner();
    const remove = [keyidOfSigner(fixture.stream).slice(0, 8)];
    const change = { add: [other.publicKey], remove, threshold: undefined };
    const { dir, targets, online, stream } = fixture;
    const attempt = rotateStream(dir, 'feed', change, [targets, online, stream], START);
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', '2.feed.json: needs signatures by 1'));
    await rotateStream(dir, 'feed', change, [targets, online, other], START);
    expect(await (await fixture.refresh()).find('feed.1.json')).toMatchObject({ role: 'feed' });
    await expect(fixture.add('two')).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', '3.feed.json'));
  });
});

describe('rotation', () => {
  it('of root keys needs the old and the new ones, and keeps every root', async () => {
    await using fixture = await signedFixture();
    const [first, second, third] = rootOf(fixture);
    const fresh = newSigner();
    const change = { add: [fresh.publicKey], remove: [keyidOfSigner(first)], threshold: undefined };
    await rotateRoot(fixture.dir, 'root', change, days(1));
    const own = await sign(fixture, [fresh, second], [], days(1));
    expect(own).toMatchObject({ complete: false, signedBy: { length: 2 }, previous: { signedBy: { length: 1 } } });
    expect(await sign(fixture, [third], [fixture.online], days(1))).toMatchObject({ complete: true, version: 2 });
    const files = await fixture.files();
    expect([...files.keys()].filter((name) => name.includes('root'))).toEqual([
      'metadata/1.root.json',
      'metadata/2.root.json',
    ]);
    expect((await fixture.refresh(days(1))).root.signed.version).toBe(2);
  });

  it('of the timestamp key signs snapshot and timestamp again', async () => {
    await using fixture = await signedFixture();
    const [first, second] = rootOf(fixture);
    const fresh = newSigner('p256');
    const change = { add: [fresh.publicKey], remove: [keyidOfSigner(fixture.online)], threshold: undefined };
    await rotateRoot(fixture.dir, 'timestamp', change, START);
    // A second change goes into the same root.
    await rotateRoot(fixture.dir, 'snapshot', change, START);
    const signed = await sign(fixture, [first, second], [fresh]);
    expect(signed.published.map(({ role, version }) => `${version}.${role}`)).toEqual(['2.snapshot', '2.timestamp']);
    expect((await fixture.refresh()).root.signed.version).toBe(2);
    await expect(refreshOnlineRoles(fixture.dir, [fixture.online], START)).rejects.toThrow(
      refusal('ERR_EXPORT_TUF_STATE', 'timestamp.json: needs signatures'),
    );
  });

  it('of nothing renews root, targets and streams', async () => {
    await using fixture = await signedFixture();
    const [first, second] = rootOf(fixture);
    const { dir, targets, online, stream } = fixture;
    await fixture.add('one');
    await rotateRoot(dir, 'root', nothing, days(300));
    await sign(fixture, [first, second], [online], days(300));
    await renewTargets(dir, [targets, online], days(300));
    await rotateStream(dir, 'feed', nothing, [stream, online], days(300));
    const { roles, refused } = await statusOf(dir, days(301), 14 * DAY);
    expect(refused).toBeUndefined();
    expect(roles.map(({ role, state }) => [role, state])).toEqual([
      ['root', 'valid'],
      ['targets', 'valid'],
      ['snapshot', 'valid'],
      ['timestamp', 'valid'],
      ['feed', 'valid'],
    ]);
  });

  it.each([
    ['an unknown keyid', { remove: ['0123456789'] }, 'no key, or several'],
    ['too short a keyid', { remove: ['0'] }, 'no key, or several'],
    ['a threshold that cannot be reached', { threshold: 4 }, 'threshold 4 of 3 keys'],
  ])('refuses %s', async (_, change, text) => {
    await using fixture = await signedFixture();
    const attempt = rotateRoot(fixture.dir, 'root', { ...nothing, ...change }, START);
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_STATE', text));
  });
});

describe('refresh', () => {
  it('makes a new timestamp, and a new snapshot from half of its life on', async () => {
    await using fixture = await signedFixture();
    const { dir, online } = fixture;
    const state = memoryState();
    await fixture.refresh(START, state);
    const { published } = await refreshOnlineRoles(dir, [online], days(5));
    expect(published).toEqual([{ role: 'timestamp', version: 2, expires: days(12) }]);
    await fixture.refresh(days(11), state);
    const roles = (await refreshOnlineRoles(dir, [online], days(16))).published.map(({ role, version }) => [
      role,
      version,
    ]);
    expect(roles).toEqual([
      ['snapshot', 2],
      ['timestamp', 3],
    ]);
    await fixture.refresh(days(17), state);
  });

  it('works while a stream has expired, which is for the status to say', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    await refreshOnlineRoles(fixture.dir, [fixture.online], days(100));
    const { roles, refused } = await statusOf(fixture.dir, days(101), 14 * DAY);
    expect(roles.find(({ role }) => role === 'feed')).toMatchObject({ state: 'expired', targets: 1 });
    expect(refused).toContain('1.feed.json: version 1 expired');
  });

  it('never drops a role from the snapshot', async () => {
    await using fixture = await signedFixture();
    await fixture.add('one');
    await renewTargets(fixture.dir, [fixture.targets, fixture.online], START);
    const trusted = await fixture.refresh();
    expect([...trusted.snapshot.signed.roles.keys()].sort()).toEqual(['feed', 'targets']);
  });

  it('is refused while another process changes the repository', async () => {
    await using fixture = await signedFixture();
    const attempt = withLock(join(fixture.dir, '.lock'), {}, () =>
      refreshOnlineRoles(fixture.dir, [fixture.online], START),
    );
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_LOCKED'));
  });

  it.each([
    ['1.targets.json', '"version": 1', '"version": 2', 'ERR_EXPORT_TUF_MISMATCH'],
    ['1.snapshot.json', '"version": 1', '"version": 2', 'ERR_EXPORT_TUF_MISMATCH'],
    ['timestamp.json', '"version": 1', '"version": 2', 'ERR_EXPORT_SIGNATURE_INVALID'],
    ['1.root.json', '"threshold": 2', '"threshold": 1', 'ERR_EXPORT_SIGNATURE_INVALID'],
  ] as const)('never signs on what somebody changed on the disk: %s', async (file, from, to, code) => {
    await using fixture = await signedFixture();
    const path = join(fixture.dir, 'metadata', file);
    await writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
    const before = await fixture.files();
    const { dir, online, targets } = fixture;
    await expect(renewTargets(dir, [online, targets], START)).rejects.toThrow(refusal(code, file));
    expect(await fixture.files()).toEqual(before);
  });
});

describe('status', () => {
  it('says who has signed, and what expires soon', async () => {
    await using fixture = await signedFixture();
    const [first, second, third] = rootOf(fixture);
    const { roles, staged } = await statusOf(fixture.dir, days(17), 14 * DAY);
    expect(roles.map(({ role, state }) => [role, state])).toEqual([
      ['root', 'valid'],
      ['targets', 'valid'],
      ['snapshot', 'expiring'],
      ['timestamp', 'expired'],
    ]);
    const signed = roles[0]?.keys.map(({ keyid, signed: has }) => [keyid, has]);
    expect(new Map(signed as [string, boolean][])).toEqual(
      new Map([
        [keyidOfSigner(first), true],
        [keyidOfSigner(second), true],
        [keyidOfSigner(third), false],
      ]),
    );
    expect(staged).toBeUndefined();
  });

  it('shows a root that waits, and that there is nothing for clients before', async () => {
    await using fixture = await initFixture();
    expect(await statusOf(fixture.dir, START, DAY)).toMatchObject({
      roles: [],
      staged: { version: 1, complete: false },
      refused: 'the first root is not signed yet',
    });
  });
});
