import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectFailure, type Failure } from './failures.ts';
import { type CommandOptions, sample } from './fixture.ts';
import { Standing, stateOf } from './standing.ts';

const password = 'canary-of-the-password';

let standing: Standing;
let keys: string;
beforeAll(async () => {
  standing = await Standing.open();
  keys = join(standing.fixture.path, 'keys');
  const made = await standing.fixture.run(['keys', 'generate', '--out', keys], { env: { COSIGN_PASSWORD: password } });
  expect(made).toMatchObject({ exit: 0, stderr: '' });
});
afterAll(() => standing[Symbol.asyncDispose]());

/** Exports to the tag that is there, with a key that will not do. */
async function refuses(key: string, failure: Failure, options?: CommandOptions): Promise<void> {
  const { fixture, layout } = standing;
  const before = await stateOf(layout);
  const args = ['--profile', 'json:raw', '--source', sample, '--to', `oci:${layout}:good`, '--key', key];
  const outcome = await fixture.run(['export', ...args], options);
  await expectFailure(fixture, outcome, failure);
  expect(outcome.stderr).not.toContain(password);
  expect(await stateOf(layout)).toBe(before);
}

test('a wrong password, and an empty one', async () => {
  const wrong: Failure = { code: 'ERR_EXPORT_PASSWORD_WRONG', says: /cosign\.key/, hint: /COSIGN_PASSWORD/ };
  await refuses(join(keys, 'cosign.key'), wrong, { env: { COSIGN_PASSWORD: `${password}!` } });
  await refuses(join(keys, 'cosign.key'), wrong);
});

test('no password and no terminal to ask for it', async () => {
  const missing: Failure = { code: 'ERR_EXPORT_PASSWORD_MISSING', hint: /COSIGN_PASSWORD/ };
  await refuses(join(keys, 'cosign.key'), missing, { env: { COSIGN_PASSWORD: undefined } });
  const outcome = await standing.fixture.run(['keys', 'generate', '--out', join(standing.fixture.path, 'more')], {
    env: { COSIGN_PASSWORD: undefined },
  });
  await expectFailure(standing.fixture, outcome, missing);
  expect(await standing.fixture.made()).not.toContain('more');
});

test('no key: a text, a folder, nothing, something large', async () => {
  const invalid = (says: RegExp): Failure => ({ code: 'ERR_EXPORT_KEY_INVALID', says, hint: /cosign\.key/ });
  await refuses(await standing.fixture.file('note.txt', 'the key is under the mat'), invalid(/not a PEM file/));
  await refuses(keys, invalid(/is a directory/));
  await refuses(join(keys, 'nothing'), invalid(/no such file/));
  await refuses(await standing.fixture.file('movie', Buffer.alloc(100_000)), invalid(/too large for a key/));
  await refuses(join(keys, 'cosign.pub'), invalid(/public key/));
});

test('a damaged key, and keys of other kinds', async () => {
  const pem = await readFile(join(keys, 'cosign.key'), 'utf8');
  const cut = await standing.fixture.file('cut.key', pem.slice(0, pem.length / 2));
  await refuses(cut, { code: 'ERR_EXPORT_KEY_INVALID', says: /damaged PEM/, hint: /restore/ });
  const plain = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
  });
  const path = await standing.fixture.file('plain.key', plain);
  await refuses(path, { code: 'ERR_EXPORT_KEY_INVALID', says: /PRIVATE KEY/, hint: /import-key-pair/ });
});

test('keys are never overwritten, and what is there stays', async () => {
  const before = await stateOf(keys);
  const outcome = await standing.fixture.run(['keys', 'generate', '--out', keys]);
  await expectFailure(standing.fixture, outcome, {
    code: 'ERR_EXPORT_KEY_EXISTS',
    says: /cosign\.key/,
    hint: /another directory/,
  });
  expect(await stateOf(keys)).toBe(before);
});

test('keys into a place that is a file, or below one', async () => {
  const file = await standing.fixture.file('file', 'x');
  for (const out of [file, join(file, 'below')]) {
    const outcome = await standing.fixture.run(['keys', 'generate', '--out', out]);
    await expectFailure(standing.fixture, outcome, { code: 'ERR_EXPORT_IO', says: /file/, hint: /path/ });
  }
});

test('verify: a key that is none, a private one, another one', async () => {
  const { fixture, layout } = standing;
  const verify = async (key: string) => fixture.run(['verify', `oci:${layout}:good`, '--key', key]);
  const invalid = (hint: RegExp): Failure => ({ code: 'ERR_EXPORT_KEY_INVALID', hint });
  await expectFailure(fixture, await verify(join(keys, 'cosign.key')), invalid(/cosign\.pub/));
  await expectFailure(fixture, await verify(join(keys, 'nothing.pub')), invalid(/cosign\.pub/));
  const { publicKey } = generateKeyPairSync('ed25519');
  const path = join(fixture.path, 'ed25519.pub');
  await writeFile(path, publicKey.export({ format: 'pem', type: 'spki' }));
  await expectFailure(fixture, await verify(path), invalid(/./));
  const unsigned = await verify(join(keys, 'cosign.pub'));
  await expectFailure(fixture, unsigned, {
    code: 'ERR_EXPORT_SIGNATURE_MISSING',
    says: /no signature by this key/,
    hint: /key/,
  });
});

test('quickstart: a key with a password, a data folder that is a file', async () => {
  const { fixture } = standing;
  const data = join(fixture.path, 'data');
  await fixture.run(['keys', 'generate', '--out', join(data, 'keys')], { env: { COSIGN_PASSWORD: password } });
  const outcome = await fixture.run(['quickstart', '--once', '--data', data]);
  await expectFailure(fixture, outcome, { code: 'ERR_EXPORT_PASSWORD_WRONG', says: /quickstart/, hint: /--data/ });
  const file = await fixture.file('data', 'x');
  await expectFailure(fixture, await fixture.run(['quickstart', '--once', '--data', file]), {
    code: 'ERR_EXPORT_IO',
    says: /data/,
  });
});
