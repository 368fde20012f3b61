import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { packManifest } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { describe, inPieces, pushArtifact, pushBytes } from '../oci/content.ts';
import { cli, cliJson } from './command-line.ts';

/** Clears a screen, forges a line, and the same by DEL and by the controls of eight bits. */
const EVIL = '\u001b[2J\nforged\r\u007f\u009b2J\u0085\u2028end';
const SPELLED = '\\u001b[2J\\u000aforged\\u000d\\u007f\\u009b2J\\u0085\\u2028end';

const REF_NAME = 'org.opencontainers.image.ref.name';

let dir: string;
let layout: Layout;
let place: string;

beforeEach(async () => {
  dir = await makeTempDir();
  place = `oci:${dir}/source`;
  layout = await openLayout(join(dir, 'source'), { create: true });
});

afterEach(async () => {
  await layout.close();
});

/** Asserts that a text for a terminal holds nothing that a terminal obeys but its line ends and tabs. */
function expectHarmless(text: string): void {
  expect(text.replace(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(text.split('\n').filter((line) => line.startsWith('forged'))).toEqual([]);
}

test('inspect: titles and annotations of an artifact stay on their lines; the JSON has them as they are', async () => {
  const config = await pushBytes(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const blob = await pushBytes(layout, Buffer.from('text'), 'text/plain');
  const layer = { ...blob, annotations: { 'org.opencontainers.image.title': EVIL } };
  const annotations = { [`key${EVIL}`]: EVIL };
  const packed = packManifest({ artifactType: 'application/vnd.example.test', annotations, config, layers: [layer] });
  await layout.push(packed.descriptor, inPieces(packed.bytes, 100));
  await layout.tag(packed.descriptor, 'v1');
  const { status, out } = await cli('inspect', `${place}:v1`);
  expect(status).toBe(0);
  expectHarmless(out);
  expect(out).toContain(`\n  key${SPELLED}: ${SPELLED}\n`);
  expect(out).toContain(`  4 B  ${SPELLED}\n`);
  expect(await cliJson('inspect', `${place}:v1`)).toMatchObject({ manifest: { annotations, layers: [layer] } });
});

/** A manifest that one reader takes for another than the next: it has a member twice. */
async function pushAmbiguous(): Promise<Descriptor> {
  const fields = '"config":{},"layers":[],"annotations":{"\\u001b[2J":"a","\\u001b[2J":"b"}';
  const bytes = Buffer.from(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",${fields}}`);
  const descriptor = describe(bytes, 'application/vnd.oci.image.manifest.v1+json');
  const path = join(dir, 'source', 'blobs', ...descriptor.digest.split(':'));
  await layout.tag(await pushArtifact(layout, 'whole'), 'v1');
  await layout.flush();
  await writeFile(path, bytes);
  const index = { schemaVersion: 2, manifests: [{ ...descriptor, annotations: { [REF_NAME]: 'v1' } }] };
  await writeFile(join(dir, 'source', 'index.json'), JSON.stringify(index));
  return descriptor;
}

test('inspect, copy: of a manifest with a member twice it is said where', async () => {
  const { digest } = await pushAmbiguous();
  const { status, err } = await cli('inspect', `${place}:v1`);
  expect(status).not.toBe(0);
  expectHarmless(err);
  expect(err).toMatch(
    /^error ERR_EXPORT_MANIFEST_INVALID: .*\nhint: .*\ncause: .* at \/annotations.* \(offset \d+\)\n$/,
  );
  const asJson = await cli('inspect', `${place}:v1`, '--output', 'json');
  expect(readJson(asJson.err)).toMatchObject({ error: { cause: expect.stringMatching(/at \/annotations/) } });
  const copied = await cli('copy', `${place}:v1`, `oci:${dir}/copy`);
  expectHarmless(copied.out);
  expect(copied.out).toMatch(new RegExp(`unreadable at the source: ${digest}: .* at /annotations.* .offset`));
});

test('discover: the type of a referrer stays on its line', async () => {
  const subject = await pushArtifact(layout, 'subject');
  const predicate = { 'dev.sigstore.bundle.predicateType': EVIL };
  await pushArtifact(layout, 'referrer', { subject, artifactType: `a/b${EVIL}`, annotations: predicate });
  await layout.tag(subject, 'v1');
  const { status, out } = await cli('discover', `${place}:v1`);
  expect(status).toBe(0);
  expectHarmless(out);
  expect(out).toContain(`└─ a/b${SPELLED} ${SPELLED}  sha256:`);
});

test('ls: tags and types as an index lists them stay in their columns', async () => {
  const artifact = await pushArtifact(layout, 'artifact');
  await layout.tag(artifact, 'v1');
  await layout.flush();
  const index = join(dir, 'source', 'index.json');
  const text = (await readFile(index, 'utf8')).replace(
    artifact.mediaType,
    `a/b${JSON.stringify(EVIL).slice(1, -1)}\\t`,
  );
  await writeFile(index, text);
  const { out, err } = await cli('ls', place, '--long');
  expectHarmless(out);
  expectHarmless(err);
  expect(out + err).toBe(`v1\t${artifact.digest}\t${artifact.size}\ta/b${SPELLED}\\u0009\n`);
});
