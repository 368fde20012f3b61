import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { instantOf, systemClock } from '#core';
import { createSigner, decodePkcs8Key } from '#signing';
import { rotateRoot, signRoot } from '#tuf';
import { keyidOfSigner } from '../../src/tuf/repository/sign.ts';
import { copyOf, flipByte, type KitFixture, openKits } from './kit-fixture.ts';
import { cliBytes, jsonOf, writePem } from './mirror-fixture.ts';

let kits: KitFixture;
let first: string;
let count = 0;

beforeAll(async () => {
  kits = await openKits();
  first = await kits.export('first');
});
afterAll(() => kits.registry.close());

const fresh = (name: string) => kits.mirror.path(`${name}-${++count}`);

async function signerIn(name: string) {
  const path = kits.mirror.path(name);
  return createSigner(decodePkcs8Key(await readFile(path, 'utf8'), path, ['ed25519']));
}

test('a kit of another stream of the same TUF repository is refused by a state, and accepted by one of its own', async () => {
  const { mirror } = kits;
  const spec = mirror.path('other.yaml');
  await writeFile(spec, (await readFile(mirror.spec, 'utf8')).replace('stream: main', 'stream: other'));
  const keys = ['stream', 'targets', 'online'].flatMap((name) => [`--${name}-key`, mirror.path(`${name}.pem`)]);
  const key = ['--key', mirror.path('cosign/cosign.key')];
  expect(await cliBytes('mirror', 'snapshot', spec, ...key, ...keys)).toMatchObject({ status: 0, err: '' });
  const other = mirror.path('other');
  expect(await cliBytes('mirror', 'export', spec, '--to', other)).toMatchObject({ status: 0 });
  const [state, layout] = [fresh('state'), fresh('layout')];
  expect(await mirror.importTo(first, `oci:${layout}`, '--state', state)).toMatchObject({ status: 0 });
  const refused = await mirror.importTo(other, `oci:${layout}`, '--state', state);
  expect(refused).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_STREAM_MISMATCH') });
  expect(refused.err).toContain('hint: ');
  const verified = await cliBytes('mirror', 'verify', other, '--trust', mirror.root, '--state', state);
  expect(verified).toMatchObject({ status: 3, err: expect.stringContaining('ERR_EXPORT_STREAM_MISMATCH') });
  expect(await mirror.importTo(other, `oci:${fresh('layout')}`, '--state', fresh('state'))).toMatchObject({
    status: 0,
  });
});

test('after a rotation of keys a zone goes on with the root that it has; a kit under the old keys is refused', async () => {
  const { mirror } = kits;
  const [state, to] = [fresh('state'), `oci:${fresh('layout')}`];
  const before = await kits.export('before');
  expect(await mirror.importTo(before, to, '--state', state)).toMatchObject({ status: 0 });
  const old = await signerIn('online.pem');
  await writePem(mirror.path('online.pem'));
  const signer = await signerIn('online.pem');
  const change = { add: [signer.publicKey], remove: [keyidOfSigner(old)], threshold: undefined };
  const at = instantOf(systemClock.now());
  const tuf = mirror.path('tuf');
  for (const role of ['timestamp', 'snapshot'] as const) await rotateRoot(tuf, role, change, at);
  await signRoot(tuf, { rootSigners: [await signerIn('root.pem')], copies: [], signers: [signer], at });
  const after = await kits.export('after');
  const readme = await readFile(join(after, 'README.txt'), 'utf8');
  expect(readme).toMatch(/root 1: [0-9a-f]{64}\n.*root 2: [0-9a-f]{64}/);
  const second = mirror.path('tuf/metadata/2.root.json');
  expect(
    await mirror.importTo(after, `oci:${fresh('layout')}`, '--state', fresh('state'), '--trust', second),
  ).toMatchObject({
    status: 0,
  });
  const report = jsonOf(await mirror.importTo(after, to, '--state', state, '--output', 'json'));
  expect(report).toMatchObject({ rootVersion: 2, tagged: [] });
  const replayed = await mirror.importTo(before, to, '--state', state);
  expect(replayed.status).toBe(3);
  expect(replayed.err).toContain('hint: ');
  // The first root is not read by a zone that trusts the second one, but is a file of the kit all the same.
  const damaged = await copyOf(after);
  await flipByte(join(damaged, 'tuf/metadata/1.root.json'));
  const flipped = await mirror.importTo(damaged, to, '--state', fresh('state'), '--trust', second);
  expect(flipped).toMatchObject({ status: 3, err: expect.stringContaining('1.root.json') });
});
