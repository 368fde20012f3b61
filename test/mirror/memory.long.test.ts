import { createHash } from 'node:crypto';
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Descriptor, Digest } from '#core';
import { type ByteStream, packManifest } from '#oci/image';
import { CliFixture, type Outcome } from '../bad-input/fixture.ts';
import { inPieces, noise, pushBytes } from '../oci/content.ts';
import { type MirrorFixture, openMirror, within } from './mirror-fixture.ts';

const MIB = 1024 * 1024;
const PIECES = 64;
const piece = noise(8 * MIB, 'piece');
/** Of an import; an export holds the buffers of several downloads. */
const MAX_IMPORT_MIB = 200;
const MAX_EXPORT_MIB = 256;

let cli: CliFixture;
let mirror: MirrorFixture;
/** The registries: the source, and that of the zone. */
let source: string;
let zone: string;

beforeAll(async () => {
  cli = await CliFixture.open();
  [source, zone] = [await serve('source'), await serve('zone')];
  mirror = await openMirror(source);
  await within(`${source}/apps/large`, async (repository) => {
    const config = await pushBytes(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    const layer = await describeLarge();
    await repository.push(layer, large);
    const { descriptor, bytes } = packManifest({ artifactType: 'application/vnd.example', config, layers: [layer] });
    await repository.push(descriptor, inPieces(bytes, 1000));
    await repository.tag(descriptor, '1');
  });
  await mirror.writeSpec('  - { name: apps/large, signatures: none }\n');
  expect(await mirror.snapshot()).toMatchObject({ status: 0 });
});
afterAll(() => cli[Symbol.asyncDispose]());

async function serve(data: string): Promise<string> {
  const server = cli.start(['serve', '--data', data, '--listen', '127.0.0.1:0']);
  return (await server.said(/http:\/\/(127\.0\.0\.1:\d+)/))[1] ?? '';
}

/** 512 MiB, from an offset on. */
async function* large(offset = 0): ByteStream {
  for (let at = offset; at < PIECES * piece.length; ) {
    const rest = piece.subarray(at % piece.length);
    yield rest;
    at += rest.length;
  }
}

async function describeLarge(): Promise<Descriptor> {
  const hash = createHash('sha256');
  for await (const chunk of large()) hash.update(chunk);
  return { mediaType: 'text/plain', digest: `sha256:${hash.digest('hex')}` as Digest, size: PIECES * piece.length };
}

/** Runs a command without a folder for temporary files; its most memory in MiB. */
async function measured(args: readonly string[]): Promise<Outcome & { readonly rssMib: number }> {
  const peak = join(cli.path, 'peak');
  const outcome = await cli.run(args, {
    preload: [join(import.meta.dirname, '../bad-input/peak-memory.process.ts')],
    env: { PEAK_MEMORY_FILE: peak, TMPDIR: join(cli.path, 'absent') },
  });
  const rssMib = Number(await readFile(peak, 'utf8')) / 1024;
  return { ...outcome, rssMib };
}

const importing = (kit: string, to: string, state: string) => {
  return ['mirror', 'import', kit, '--to', to, '--trust', mirror.root, '--state', mirror.path(state)];
};

test.each<[string, string, () => string, ...string[]]>([
  ['a directory into a layout', 'kit', () => `oci:${mirror.path('layout')}`],
  ['a tar into a registry', 'kit.tar', () => zone],
  ['parts into a layout', 'parts', () => `oci:${mirror.path('from-parts')}`, '--part-size', '100MB'],
  ['one part into a registry', 'part', () => `${zone}/again`, '--part-size', '1GB'],
])(
  'a blob of 512 MiB crosses within 200 MiB of memory and without temporary files: %s',
  async (_, name, to, ...more) => {
    const kit = mirror.path(name);
    const exported = await measured(['mirror', 'export', mirror.spec, '--to', kit, ...more]);
    expect(exported).toMatchObject({ exit: 0, stderr: '' });
    expect(exported.rssMib).toBeLessThan(MAX_EXPORT_MIB);
    const imported = await measured(importing(kit, to(), `state-${name}`));
    expect(imported).toMatchObject({ exit: 0, stderr: '' });
    expect(imported.rssMib).toBeLessThan(MAX_IMPORT_MIB);
  },
);

test('a README.txt of 512 MiB is hashed in as little memory', async () => {
  const kit = mirror.path('kit');
  await truncate(join(kit, 'README.txt'), PIECES * piece.length);
  const refused = await measured(importing(kit, `oci:${mirror.path('never')}`, 'state-never'));
  expect(refused).toMatchObject({ exit: 3, stderr: expect.stringContaining('damaged: README.txt') });
  expect(refused.rssMib).toBeLessThan(MAX_IMPORT_MIB);
});
