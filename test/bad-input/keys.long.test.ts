import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CommandOptions, sample } from './desk.ts';
import { expectFailure, type Failure } from './failures.ts';
import { Standing, stateOf } from './standing.ts';

const password = 'canary-of-the-password';

let standing: Standing;
let keys: string;
beforeAll(async () => {
  standing = await Standing.open();
  keys = join(standing.desk.path, 'keys');
  const made = await standing.desk.run(['keys', 'generate', '--out', keys], { env: { COSIGN_PASSWORD: password } });
  expect(made).toMatchObject({ exit: 0, stderr: '' });
});
afterAll(() => standing[Symbol.asyncDispose]());

/** Exports to the tag that is there, with a key that will not do. */
async function refuses(key: string, failure: Failure, options?: CommandOptions): Promise<void> {
  const { desk, layout } = standing;
  const before = await stateOf(layout);
  const args = ['--profile', 'json:raw', '--source', sample, '--to', `oci:${layout}:good`, '--key', key];
  const outcome = await desk.run(['export', ...args], options);
  await expectFailure(desk, outcome, failure);
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
  const outcome = await standing.desk.run(['keys', 'generate', '--out', join(standing.desk.path, 'more')], {
    env: { COSIGN_PASSWORD: undefined },
  });
  await expectFailure(standing.desk, outcome, missing);
  expect(await standing.desk.made()).not.toContain('more');
});

test('no key: a text, a folder, nothing, something large', async () => {
  const invalid = (says: RegExp): Failure => ({ code: 'ERR_EXPORT_KEY_INVALID', says, hint: /cosign\.key/ });
  await refuses(await standing.desk.file('note.txt', 'the key is under the mat'), invalid(/no PEM text/));
  await refuses(keys, invalid(/folder/));
  await refuses(join(keys, 'nothing'), invalid(/no such file/));
  await refuses(await standing.desk.file('movie', Buffer.alloc(100_000)), invalid(/larger than any key/));
  await refuses(join(keys, 'cosign.pub'), invalid(/public key/));
});

test('a damaged key, and keys of other kinds', async () => {
  const pem = await readFile(join(keys, 'cosign.key'), 'utf8');
  const cut = await standing.desk.file('cut.key', pem.slice(0, pem.length / 2));
  await refuses(cut, { code: 'ERR_EXPORT_KEY_INVALID', says: /damaged PEM/, hint: /restore/ });
  const plain = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
  });
  const path = await standing.desk.file('plain.key', plain);
  await refuses(path, { code: 'ERR_EXPORT_KEY_INVALID', says: /PRIVATE KEY/, hint: /import-key-pair/ });
});

test('keys are never overwritten, and what is there stays', async () => {
  const before = await stateOf(keys);
  const outcome = await standing.desk.run(['keys', 'generate', '--out', keys]);
  await expectFailure(standing.desk, outcome, {
    code: 'ERR_EXPORT_KEY_EXISTS',
    says: /cosign\.key/,
    hint: /another folder/,
  });
  expect(await stateOf(keys)).toBe(before);
});

test('keys into a place that is a file, or below one', async () => {
  const file = await standing.desk.file('file', 'x');
  for (const out of [file, join(file, 'below')]) {
    const outcome = await standing.desk.run(['keys', 'generate', '--out', out]);
    await expectFailure(standing.desk, outcome, { code: 'ERR_EXPORT_IO', says: /file/, hint: /path/ });
  }
});

test('verify: a key that is none, a private one, another one', async () => {
  const { desk, layout } = standing;
  const verify = async (key: string) => desk.run(['verify', `oci:${layout}:good`, '--key', key]);
  const invalid = (hint: RegExp): Failure => ({ code: 'ERR_EXPORT_KEY_INVALID', hint });
  await expectFailure(desk, await verify(join(keys, 'cosign.key')), invalid(/cosign\.pub/));
  await expectFailure(desk, await verify(join(keys, 'nothing.pub')), invalid(/cosign\.pub/));
  const { publicKey } = generateKeyPairSync('ed25519');
  const path = join(desk.path, 'ed25519.pub');
  await writeFile(path, publicKey.export({ format: 'pem', type: 'spki' }));
  await expectFailure(desk, await verify(path), invalid(/./));
  const unsigned = await verify(join(keys, 'cosign.pub'));
  await expectFailure(desk, unsigned, {
    code: 'ERR_EXPORT_SIGNATURE_MISSING',
    says: /no signature by this key/,
    hint: /key/,
  });
});

test('quickstart: a key with a password, a data folder that is a file', async () => {
  const { desk } = standing;
  const data = join(desk.path, 'data');
  await desk.run(['keys', 'generate', '--out', join(data, 'keys')], { env: { COSIGN_PASSWORD: password } });
  const outcome = await desk.run(['quickstart', '--once', '--data', data]);
  await expectFailure(desk, outcome, { code: 'ERR_EXPORT_PASSWORD_WRONG', says: /quickstart/, hint: /--data/ });
  const file = await desk.file('data', 'x');
  await expectFailure(desk, await desk.run(['quickstart', '--once', '--data', file]), {
    code: 'ERR_EXPORT_IO',
    says: /data/,
  });
});
