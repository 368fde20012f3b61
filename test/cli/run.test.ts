import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { CodedError } from '#core';
import { reportFailure } from '../../src/cli/failure.ts';
import { run } from '../../src/cli/run.ts';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { type FakeIo, fakeIo } from './fake-io.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

const record = {
  id: 'GO-2026-0001',
  modified: '2026-02-01T00:00:00Z',
  affected: [{ package: { ecosystem: 'Go', name: 'example.com/module' } }],
};

async function writeRecord(): Promise<string> {
  const path = join(dir, 'record.json');
  await writeFile(path, JSON.stringify(record));
  return path;
}

const withPassword = (): FakeIo => fakeIo({ env: { COSIGN_PASSWORD: '' } });

test('keys generate, export, verify: each ends well and says so on stdout alone', async () => {
  const source = await writeRecord();
  const keys = join(dir, 'keys');
  const to = `oci:${dir}/layout:1`;
  const generate = withPassword();
  expect(await run(['keys', 'generate', '--out', keys, '--output', 'json'], generate)).toBe(0);
  expect(readJson(generate.out())).toEqual({
    privateKey: join(keys, 'cosign.key'),
    publicKey: join(keys, 'cosign.pub'),
    trustedRoot: join(keys, 'trusted_root.json'),
  });
  const publicKey = withPassword();
  expect(await run(['keys', 'public', '--key', join(keys, 'cosign.key')], publicKey)).toBe(0);
  expect(publicKey.out()).toBe(await readFile(join(keys, 'cosign.pub'), 'utf8'));

  const exporting = withPassword();
  const args = ['export', '--profile', 'json:raw', '--source', source, '--to', to, '--key', join(keys, 'cosign.key')];
  expect(await run([...args, '--output', 'json'], exporting)).toBe(0);
  const report = readJson(exporting.out());
  expect(report).toMatchObject({ profile: 'json:raw', asOf: '2026-02-01T00:00:00Z', records: { kept: 1 } });
  expect(report.reference).toBe(`${to}@${report.digest}`);

  const verifying = fakeIo();
  expect(await run(['verify', to, '--key', join(keys, 'cosign.pub'), '--output', 'json'], verifying)).toBe(0);
  expect(readJson(verifying.out())).toMatchObject({ digest: report.digest, signatureForms: ['tag', 'sigstoreBundle'] });
  for (const io of [generate, publicKey, exporting, verifying]) expect(io.err()).toBe('');
});

test('plan: the digest that export gives, with its layers, and nothing made where it would go', async () => {
  const source = await writeRecord();
  const before = await readdir(dir);
  const request = ['--profile', 'json:raw', '--source', source, '--output', 'json'];
  const [bare, placed, done] = [fakeIo(), fakeIo(), fakeIo()];
  expect(await run(['plan', ...request], bare)).toBe(0);
  expect(await run(['plan', ...request, '--to', `oci:${dir}/layout:1`], placed)).toBe(0);
  expect(await readdir(dir)).toEqual(before);
  expect(await run(['export', ...request, '--to', `oci:${dir}/layout:1`, '--unsigned'], done)).toBe(0);
  const [a, b, c] = [bare, placed, done].map((io) => readJson(io.out()));
  expect(a.digest).toBe(c.digest);
  expect(b.reference).toBe(c.reference);
  expect(a.layers).toEqual(c.layers.map((layer: object) => ({ ...layer, state: 'planned' })));
});

test.each<[string, string[], string]>([
  ['no command', [], 'no command'],
  ['an unknown command', ['explode'], 'explode'],
  ['an unknown option', ['verify', 'oci:a:1', '--key', 'k', '--force'], '--force'],
  ['no source', ['plan', '--profile', 'json:raw'], '--source'],
  ['a bad time', ['plan', '--profile', 'json:raw', '--source', 'x', '--as-of', 'noon'], 'noon'],
  ['a bad duration', ['plan', '--profile', 'json:raw', '--source', 'x', '--valid-for', '0h'], '0h'],
  ['a duration for records', ['plan', '--profile', 'json:raw', '--source', 'x', '--valid-for', '1h'], '--valid-for'],
  [
    'a data source for records',
    ['plan', '--profile', 'json:raw', '--source', 'x', '--data-source', 'GO-=govulndb,Go,https://go.dev'],
    '--data-source',
  ],
  ['a duration beyond all use', ['plan', '--profile', 'json:raw', '--source', 'x', '--valid-for', '36526d'], '36526d'],
  ['a bad tenant', ['plan', '--profile', 'json:raw', '--source', 'x', '--tenant', 'A b'], 'A b'],
  [
    'a bad builder',
    ['export', '--profile', 'json:raw', '--source', 'x', '--to', 'oci:a:1', '--builder-id', 'me'],
    'me',
  ],
  ['neither key nor --unsigned', ['export', '--profile', 'json:raw', '--source', 'x', '--to', 'oci:a:1'], '--unsigned'],
  [
    'both key and --unsigned',
    ['export', '--profile', 'json:raw', '--source', 'x', '--to', 'oci:a:1', '--key', 'k', '--unsigned'],
    '--unsigned',
  ],
  ['a bad data source', ['plan', '--profile', 'trivy:db', '--source', 'x', '--data-source', 'GO-=a'], 'GO-=a'],
  ['a bad address', ['serve', '--listen', 'here'], 'here'],
])('usage: %s is exit 2, with the word that is wrong and a hint', async (_, args, word) => {
  const io = withPassword();
  expect(await run(args, io)).toBe(2);
  expect(io.out()).toBe('');
  expect(io.err()).toMatch(/^error ERR_EXPORT_USAGE: /);
  expect(io.err()).toContain(word);
  expect(io.err()).toContain('\nhint: ');
});

test.each([
  ['--help'],
  ['export', '--help'],
  ['verify', '--help'],
  ['keys', '--help'],
  ['serve', '--help'],
  ['plan', '--help'],
])('%s %s shows an example', async (...args) => {
  const io = fakeIo();
  expect(await run(args, io)).toBe(0);
  expect(io.out()).toMatch(/Example/);
  expect(io.out()).toContain('export-center');
});

test.each([
  ['inspect', 'WORD'],
  ['inspect', 'host.x/y:1', 'WORD'],
  ['copy', 'WORD', 'oci:copy'],
  ['copy', 'oci:copy', 'WORD'],
  ['gc', 'WORD'],
  ['plan', '--profile', 'json:raw', '--source', 'none', '--to', 'WORD'],
  ['export', '--profile', 'json:raw', '--source', 'none', '--to', 'oci:d:1', '--unsigned', '--signed-as', 'WORD'],
  ['export', '--profile', 'json:raw', '--source', 'none', '--to', 'oci:d:1', '--unsigned', '--signed-as=WORD'],
  ['WORD'],
])('a login in a reference is repeated nowhere: %s %s %s', async (...args) => {
  for (const word of ['user:sek/ret@host.x/y', 'host.x/user:sek@ret', 'https://user:sek/ret@host.x/y:1']) {
    for (const format of ['text', 'json']) {
      const io = fakeIo();
      expect(await run([...args.map((arg) => arg.replace('WORD', word)), '--output', format], io)).toBe(2);
      expect(io.out() + io.err()).not.toMatch(/user:|sek|ret@/);
      if (args.length < 3 && args[0] !== 'WORD')
        expect(io.err()).toMatch(/omit the login.*--username.*--password-stdin/);
    }
  }
});

test('--version is that of package.json', async () => {
  const io = fakeIo();
  expect(await run(['--version'], io)).toBe(0);
  const { version } = readJson(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  expect(io.out()).toBe(`${version}\n`);
});

test('with --output json an error is one object, with the exit status of its code', async () => {
  const io = fakeIo();
  expect(await run(['plan', '--profile', 'json:raw', '--source', join(dir, 'none'), '--output', 'json'], io)).toBe(2);
  expect(readJson(io.err())).toEqual({
    error: {
      code: 'ERR_EXPORT_SOURCE_UNREADABLE',
      message: expect.stringContaining('none'),
      hint: expect.any(String),
      details: expect.any(Object),
    },
  });
});

test('no password and no terminal: exit 2', async () => {
  const io = fakeIo();
  expect(await run(['keys', 'generate', '--out', join(dir, 'keys')], io)).toBe(2);
  expect(io.err()).toContain('ERR_EXPORT_PASSWORD_MISSING');
  expect(await readdir(dir)).toEqual([]);
});

test('quickstart into a file, or with a folder for a key: the path is named, and it is no defect', async () => {
  const file = await writeRecord();
  await mkdir(join(dir, 'data/keys/cosign.key'), { recursive: true });
  for (const data of [file, join(dir, 'data')]) {
    const io = fakeIo();
    expect(await run(['quickstart', '--once', '--data', data], io)).toBe(1);
    expect(io.err()).toMatch(/^error ERR_EXPORT_IO: /);
    expect(io.err()).toContain(join(data, 'keys/cosign.key'));
  }
});

test('interrupted: exit 130, nothing made, and no defect is reported', async () => {
  const source = await writeRecord();
  const before = await readdir(dir);
  const io = fakeIo();
  io.interrupt();
  expect(await run(['plan', '--profile', 'json:raw', '--source', source], io)).toBe(130);
  expect(io.err()).toMatch(/^error ERR_EXPORT_INTERRUPTED: /);
  expect(await readdir(dir)).toEqual(before);
});

test('a failure keeps its status where nobody reads stderr', async () => {
  const gone = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })),
  });
  gone.on('error', () => undefined);
  expect(await run(['explode'], { ...fakeIo(), stderr: gone })).toBe(2);
});

test('a failure to close what was open does not hide what failed first', async () => {
  const work = async () => {
    await using resources = new AsyncDisposableStack();
    for (const closing of ['one', 'two']) {
      resources.defer(() => {
        throw new TypeError(closing);
      });
    }
    throw new CodedError('ERR_EXPORT_SIGNATURE_INVALID', 'x: not signed', { hint: 'sign it' });
  };
  const error = await work().catch((thrown: unknown) => thrown);
  const io = fakeIo();
  expect(await reportFailure(error, io, 'text')).toBe(3);
  expect(io.err()).toBe('error ERR_EXPORT_SIGNATURE_INVALID: x: not signed\nhint: sign it\n');
});
