import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodePublicKey, generateKeyPair } from '#signing';
import { cli, cliJson } from '../command-line.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const key = (name: string) => at(name, 'cosign.key');
const pub = (name: string) => at(name, 'cosign.pub');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tuf-cli-'));
  for (const name of ['root1', 'root2', 'targets', 'online']) {
    const type = name === 'root2' ? 'p256' : 'ed25519';
    expect(await cli('keys', 'generate', '--type', type, '--out', at(name))).toMatchObject({ status: 0 });
  }
  await writeFile(at('one'), 'one');
  await writeFile(at('two'), 'two');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const online = () => ['--online-key', key('online')];
const fetched = (...more: string[]) => {
  const trust = ['--trust', at('trusted.json'), '--state', at('state'), '--out', at('out')];
  return cli('tuf', 'fetch', at('repo'), 'feed.1.json', ...trust, ...more);
};

test('a repository, from its first root to what a zone fetches', async () => {
  const roots = ['--root-key', pub('root1'), '--root-key', pub('root2')];
  const init = await cli(
    'tuf',
    'init',
    at('repo'),
    ...roots,
    '--targets-key',
    pub('targets'),
    '--online-key',
    pub('online'),
  );
  expect(init).toMatchObject({ status: 0, err: '' });
  expect(init.out).toMatch(
    /^root 1: 0 of 2 signatures, waits for more; expires .*\nnext: export-center tuf root sign /,
  );

  // One of the two signs on another machine.
  await cp(at('repo'), at('stick'), { recursive: true });
  const half = await cli('tuf', 'root', 'sign', at('stick'), '--key', key('root1'));
  expect(half.out).toContain('root 1: 1 of 2 signatures, waits for more');
  const merge = ['--merge', at('stick/staged/root.json')];
  const others = ['--targets-key', key('targets'), ...online()];
  const whole = await cliJson('tuf', 'root', 'sign', at('repo'), '--key', key('root2'), ...merge, ...others);
  expect(whole).toMatchObject({ complete: true, threshold: 2, published: { length: 3 } });

  const streamed = ['--stream', 'feed', '--stream-key', key('targets'), ...others];
  const added = await cliJson('tuf', 'add', at('repo'), at('one'), ...streamed);
  expect(added).toMatchObject({ target: 'feed.1.json', sequence: 1 });
  await cp(at('repo/metadata/1.root.json'), at('trusted.json'));
  expect(await fetched()).toMatchObject({ status: 0, err: '', out: expect.stringContaining('verified feed.1.json') });
  expect(await readFile(at('out'), 'utf8')).toBe('one');
});

test('a repository is published as an artifact, attached to another, and read from both', async () => {
  const [place, bundle] = [`oci:${at('layout')}:tuf`, `oci:${at('layout')}:bundle`];
  await writeFile(at('record.json'), JSON.stringify({ id: 'GO-1', modified: '2026-01-01T00:00:00Z' }));
  await cliJson('export', '--profile', 'json:raw', '--source', at('record.json'), '--unsigned', '--to', bundle);
  const published = await cliJson('tuf', 'publish', at('repo'), '--to', place, '--subject', bundle);
  expect(published).toMatchObject({
    timestamp: 2,
    published: { reference: expect.stringMatching(/:tuf@sha256:/), state: 'pushed' },
    attached: [{ reference: expect.stringMatching(/:bundle@sha256:/), state: 'pushed' }],
  });
  const again = await cli('tuf', 'publish', at('repo'), '--to', place, '--subject', bundle);
  expect(again).toMatchObject({ status: 0, out: expect.stringMatching(/^already attached .*\nalready published /) });
  const trust = ['--trust', at('trusted.json'), '--out', at('out-oci')];
  for (const from of [place, bundle, (published['attached'] as [{ reference: string }])[0].reference]) {
    const done = await cli('tuf', 'fetch', from, 'feed.1.json', ...trust, '--state', at('state'));
    expect(done).toMatchObject({ status: 0, err: '', out: expect.stringContaining('verified feed.1.json') });
    expect(await readFile(at('out-oci'), 'utf8')).toBe('one');
  }
  expect(await cli('tuf', 'publish', at('repo'))).toMatchObject({
    status: 2,
    err: expect.stringContaining('--to or --subject is required'),
  });
  const absent = await cli('tuf', 'fetch', `oci:${at('layout')}:no`, 'feed.1.json', ...trust, '--state', at('s'));
  expect(absent).toMatchObject({ status: 1, err: expect.stringContaining('artifact not found') });
});

test('an export lists its bundle, in a directory or an artifact', async () => {
  const source = ['export', '--profile', 'json:raw', '--source', at('record.json'), '--unsigned'];
  const keys = ['stream', 'targets', 'online'].flatMap((role) => [
    `--tuf-${role}-key`,
    key(role === 'online' ? 'online' : 'targets'),
  ]);
  await cp(at('repo'), at('listing'), { recursive: true });
  const to = ['--to', `oci:${at('listed')}:go`];
  const first = await cliJson(...source, ...to, '--tuf', at('listing'), ...keys);
  expect(first).toMatchObject({ tuf: { target: 'json-raw.1.json', digest: first['digest'], stream: 'json-raw' } });
  const again = await cli(...source, ...to, '--tuf', at('listing'), ...keys);
  expect(again.out).toContain('TUF target json-raw.1.json, listed before\n');

  await cliJson('tuf', 'publish', at('repo'), '--to', `oci:${at('listed')}:tuf`);
  const reference = ['--tuf', `oci:${at('listed')}:tuf`];
  expect(await cli(...source, ...to, ...reference, ...keys)).toMatchObject({
    status: 2,
    err: expect.stringContaining('--tuf with a reference requires --tuf-trust'),
  });
  const root = ['--tuf-trust', at('trusted.json')];
  expect(await cliJson(...source, ...to, ...reference, ...root, ...keys)).toMatchObject({
    tuf: { target: 'json-raw.1.json', published: { length: 4 } },
  });
  const trust = ['--trust', at('trusted.json'), '--state', at('state-listed'), '--out', at('out-listed')];
  const done = await cliJson('tuf', 'fetch', `oci:${at('listed')}:tuf`, 'json-raw.1.json', ...trust);
  expect(done).toMatchObject({ digest: first['digest'], custom: { stream: 'json-raw', sequence: 1 } });
  for (const more of [keys, root]) {
    expect(await cli(...source, ...to, ...more)).toMatchObject({
      status: 2,
      err: expect.stringContaining('options of a TUF repository require --tuf'),
    });
  }
});

test('status lists roles and signers, and fails when something is due', async () => {
  const { status, out, err } = await cli('tuf', 'status', at('repo'));
  expect([status, err]).toEqual([0, '']);
  expect(out).toMatch(/^root\t1\tvalid\t\S+\t2 of 2\t\+[0-9a-f]{12} \+[0-9a-f]{12}\t\n/);
  expect(out).toMatch(/\nfeed\t1\tvalid\t\S+\t1 of 1\t\+[0-9a-f]{12}\t1 target\n/);
  expect(out).toContain('a new client accepts this repository\n');
  const later = new Date(Date.now() + 8 * 86_400_000).toISOString();
  const due = await cli('tuf', 'status', at('repo'), '--at', later, '--output', 'json');
  expect(due).toMatchObject({ status: 1, err: expect.stringContaining('ERR_EXPORT_TUF_EXPIRING') });
  expect(due.err).toContain('tuf refresh');
});

test('refresh, rotate and a root that is renewed', async () => {
  const refreshed = await cliJson('tuf', 'refresh', at('repo'), ...online());
  expect(refreshed).toMatchObject({ published: [{ role: 'timestamp', version: 3 }] });
  const stream = await cliJson('tuf', 'rotate', at('repo'), 'feed', '--stream-key', key('targets'), ...online());
  expect(stream).toMatchObject({ published: [{ role: 'feed' }, { role: 'snapshot' }, { role: 'timestamp' }] });
  const change = ['--add-key', pub('root1')];
  const staged = await cliJson('tuf', 'rotate', at('repo'), 'targets', ...change);
  expect(staged).toMatchObject({ version: 2, complete: false, previous: { threshold: 2 } });
  const keys = ['--key', key('root1'), '--key', key('root2')];
  const signed = await cliJson('tuf', 'root', 'sign', at('repo'), ...keys, ...online());
  expect(signed).toMatchObject({ version: 2, complete: true });
  expect(await fetched()).toMatchObject({ status: 0 });
});

test('what is older, expired or another signer’s is refused with exit status 3', async () => {
  const later = new Date(Date.now() + 10 * 86_400_000).toISOString();
  const expired = await fetched('--at', later, '--state', at('other'));
  expect(expired).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TUF_EXPIRED') });
  const waived = await fetched('--at', later, '--accept-expired', '5d', '--state', at('other'));
  expect(waived).toMatchObject({ status: 0, err: expect.stringMatching(/^warning: timestamp \d+ expired at /) });
  const back = await fetched('--state', at('other'));
  expect(back).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TUF_CLOCK') });
  const old = await readFile(at('repo/metadata/timestamp.json'));
  await cli('tuf', 'refresh', at('repo'), ...online());
  expect(await fetched()).toMatchObject({ status: 0 });
  await writeFile(at('repo/metadata/timestamp.json'), old);
  expect(await fetched()).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_TUF_ROLLBACK') });
});

test('a stream with a threshold of two is signed on two machines', async () => {
  const others = ['--targets-key', key('targets'), ...online()];
  const change = ['--add-key', pub('root2'), '--threshold', '2'];
  const raised = await cli('tuf', 'rotate', at('repo'), 'feed', ...change, '--stream-key', key('targets'), ...others);
  expect(raised.out).toMatch(
    /^feed \d+: 1 of 2 signatures, waits for [0-9a-f]{12}; expires \S+\nnext: export-center tuf sign \S+ --stream-key FILE\n$/,
  );
  expect((await cli('tuf', 'status', at('repo'))).out).toMatch(/\nstaged feed \d+: 1 of 2 signatures, waits for /);
  await cp(at('repo'), at('stick2'), { recursive: true });
  await cli('tuf', 'sign', at('stick2'), '--stream-key', key('root2'));
  const done = await cliJson('tuf', 'sign', at('repo'), '--merge', at('stick2/staged/feed.json'), ...online());
  expect(done).toMatchObject({
    waiting: [],
    published: expect.arrayContaining([expect.objectContaining({ role: 'feed' })]),
  });
  const staged = await cli('tuf', 'add', at('repo'), at('two'), '--stream', 'feed', '--stream-key', key('root2'));
  expect(staged.out).toMatch(/^staged feed\.2\.json sha256:/);
  const signed = await cli('tuf', 'sign', at('repo'), '--stream-key', key('targets'), ...online());
  expect(signed.out).toMatch(/^published feed \d+, /);
  expect(await cli('tuf', 'sign', at('repo'))).toMatchObject({
    status: 2,
    err: expect.stringContaining('no role below the root waits'),
  });
});

test('keys may be PKCS#8 PEM, and a lone root key needs one step', async () => {
  const { privateKey, publicKey } = generateKeyPair('p256');
  await writeFile(at('plain.key'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  await writeFile(at('plain.pub'), encodePublicKey(publicKey));
  const [pubFile, keyFile] = [at('plain.pub'), at('plain.key')];
  const roles = ['--root-key', pubFile, '--targets-key', pubFile, '--online-key', pubFile];
  expect(await cliJson('tuf', 'init', at('plain'), ...roles, '--timestamp-expires', '1d')).toMatchObject({
    threshold: 1,
  });
  const keys = ['--key', keyFile, '--targets-key', keyFile, '--online-key', keyFile];
  expect(await cliJson('tuf', 'root', 'sign', at('plain'), ...keys)).toMatchObject({ complete: true });
  const { status, err } = await cli('tuf', 'status', at('plain'));
  expect([status, err]).toEqual([0, '']);
});

test('usage errors name what is missing', async () => {
  expect(await cli('tuf', 'rotate', at('repo'), 'timestamp')).toMatchObject({ status: 2 });
  expect(await cli('tuf', 'refresh', at('nowhere'), ...online())).toMatchObject({
    status: 2,
    err: expect.stringContaining('not a TUF repository'),
  });
  const wrong = await cli('tuf', 'refresh', at('repo'), '--online-key', key('targets'));
  expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining('needs signatures by 1 of its keys') });
  const stream = await cli('tuf', 'add', at('repo'), at('two'), '--stream', 'other', ...online());
  expect(stream).toMatchObject({ status: 2, err: expect.stringContaining('no stream of this name') });
});
