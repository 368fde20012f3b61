import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { signWaiting } from '../../src/tuf/repository/partial.ts';
import { rotateStream } from '../../src/tuf/repository/streams.ts';
import { damages, eightDaysAgo, type Judge, judgedFixture } from './judged.ts';
import { newSigner } from './repository-fixture.ts';

/** What every client of others has to do with our repositories: accept them, and refuse them damaged. */
export function describeJudgement(judge: Judge): void {
  test('accepts a 2-of-3 root of Ed25519 and P-256 signed in two steps, and downloads what a stream lists', async () => {
    await using judged = await judgedFixture(judge);
    const state = await judged.newState();
    expect(await judged.ask('feed.1.json', state)).toBeUndefined();
    await judged.fixture.add('two', undefined, 1);
    expect(await judged.ask('feed.2.json', state)).toBeUndefined();
    expect(await judged.ask('feed.2.json')).toBeUndefined();
    expect(await judged.ask('feed.3.json', state)).toBeDefined();
  });

  test('accepts a stream of two keys that signed in separate steps, and not before the second', async () => {
    await using judged = await judgedFixture(judge);
    const { dir, stream, targets, online } = judged.fixture;
    const state = await judged.newState();
    const at = instantOf(systemClock.now());
    const second = newSigner();
    const change = { add: [second.publicKey], remove: [], threshold: 2 };
    await rotateStream(dir, 'feed', change, [stream, second, targets, online], at);
    await judged.fixture.add('two', at, 1);
    expect(await judged.ask('feed.1.json', state)).toBeUndefined();
    expect(await judged.ask('feed.2.json', state)).toBeDefined();
    await signWaiting(dir, { signers: [second, online], copies: [], at });
    expect(await judged.ask('feed.2.json', state)).toBeUndefined();
    expect(await judged.ask('feed.2.json')).toBeUndefined();
  });

  test.each(Object.keys(damages))('refuses %s, with a state and without', async (name) => {
    await using judged = await judgedFixture(judge);
    const state = await judged.newState();
    expect(await judged.ask('feed.1.json', state)).toBeUndefined();
    const before = await judged.fixture.files();
    await judged.fixture.add('two', undefined, 1);
    await damages[name]?.(judged.fixture, before);
    expect(await judged.ask('feed.2.json', state)).toBeDefined();
    expect(await judged.ask('feed.2.json')).toBeDefined();
  });

  test('refuses an older publication than it has accepted', async () => {
    await using judged = await judgedFixture(judge);
    const state = await judged.newState();
    const before = await judged.fixture.files();
    await judged.fixture.add('two', undefined, 1);
    expect(await judged.ask('feed.2.json', state)).toBeUndefined();
    const path = join(judged.fixture.dir, 'metadata/timestamp.json');
    const newest = await readFile(path);
    await writeFile(path, before.get('metadata/timestamp.json') as Buffer);
    expect(await judged.ask('feed.1.json', state)).toBeDefined();
    await writeFile(path, newest);
    expect(await judged.ask('feed.1.json', state)).toBeUndefined();
  });

  test('refuses an expired timestamp', async () => {
    await using judged = await judgedFixture(judge, eightDaysAgo());
    expect(await judged.ask('feed.1.json')).toBeDefined();
  });
}
