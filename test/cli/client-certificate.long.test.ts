import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLayout } from '#oci/layout';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { pushArtifact } from '../oci/content.ts';
import { clientIdentity, serverIdentity } from '../oci/identities.ts';
import { RegistryDouble } from '../oci/registry-double.ts';
import { cli, cliJson } from './command-line.ts';

let dir: string;
let double: RegistryDouble;
let transport: string[];

beforeEach(async () => {
  dir = await makeTempDir();
  double = await RegistryDouble.start({ tls: { ...serverIdentity, clientCa: clientIdentity.cert } });
  const encrypted = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  await put('ca.pem', serverIdentity.cert);
  await put('client.pem', clientIdentity.cert);
  await put('client.key', clientIdentity.key);
  await put('other.key', other.export({ type: 'pkcs8', format: 'pem' }));
  await put('encrypted.key', other.export(encrypted));
  transport = ['--plain-http=false', '--ca-cert', at('ca.pem')];
});

afterEach(async () => {
  await double.close();
});

const at = (name: string) => join(dir, name);
const put = (name: string, text: string | Buffer) => writeFile(at(name), text);
const client = (cert: string, key: string) => ['--client-cert', at(cert), '--client-key', at(key)];

test('--client-cert, --client-key: a registry that lets nobody in without is copied to and listed', async () => {
  const source = await openLayout(at('source'), { create: true });
  const artifact = await pushArtifact(source, 'artifact');
  await source.tag(artifact, 'v1');
  await source.close();
  const target = `${double.host}/team/app`;
  const args = [...transport, ...client('client.pem', 'client.key')];
  expect(await cliJson('copy', `oci:${dir}/source:v1`, target, ...args)).toMatchObject({
    fidelity: { complete: true },
  });
  expect(await cliJson('ls', '--long', target, ...args)).toMatchObject({
    tags: [{ tag: 'v1', digest: artifact.digest }],
  });
});

test('without it, the error names the options', async () => {
  const { status, err } = await cli('ls', `${double.host}/team/app`, ...transport);
  expect(status).not.toBe(0);
  expect(err).toMatch(/^error ERR_EXPORT_NETWORK: .*\nhint: .*client certificate.*--client-cert/m);
  expect(double.seen).toEqual([]);
});

test.each([
  ['a key of another certificate', ['client.pem', 'other.key'], /other\.key/],
  ['an encrypted key', ['client.pem', 'encrypted.key'], /encrypted.*\nhint: .*without a password/],
  [
    'the two the wrong way round',
    ['client.key', 'client.pem'],
    /--client-cert .*client\.key: no PEM certificate found/,
  ],
] as const)('%s: exit status 2, before anything is asked', async (_, [cert, key], message) => {
  const { status, err } = await cli('ls', `${double.host}/team/app`, ...transport, ...client(cert, key));
  expect([status, err]).toEqual([2, expect.stringMatching(message)]);
  expect(err).not.toContain('PRIVATE KEY-----\n');
  expect(double.seen).toEqual([]);
});

test('one of the two, or two registries: exit status 2', async () => {
  const target = `${double.host}/team/app`;
  expect((await cli('ls', target, '--client-cert', at('client.pem'))).status).toBe(2);
  expect((await cli('ls', target, '--client-key', at('client.key'))).status).toBe(2);
  const two = await cli('copy', `${target}:v1`, 'registry.example/a', ...client('client.pem', 'client.key'));
  expect([two.status, two.err]).toEqual([2, expect.stringContaining('registry.example')]);
  expect((await cli('ls', target, ...client('none.pem', 'client.key'))).err).toContain('none.pem');
});
