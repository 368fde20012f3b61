import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { CanonicalReader, type CodedError, mediaTypes } from '#core';
import { parseManifest } from '#oci/image';
import { decodeEnvelope, parseSigstoreBundleManifest, parseStatement } from '#signing';
import { parseExportIndex } from '../../src/artifacts/json/export-index.generated.ts';
import { recognise } from '../../src/evidence/formats/recognise.ts';
import { parseExportManifest } from '../../src/export/export-manifest.generated.ts';
import { parseLayoutIndex } from '../../src/oci/layout/index-file.ts';
import { readDockerConfigs } from '../../src/oci/registry/auth/docker-config.ts';
import { requestToken } from '../../src/oci/registry/auth/token.ts';
import { refusal } from '../../src/oci/registry/faults.ts';
import type { WireResponse } from '../../src/oci/registry/http/message.ts';
import type { RegistryClient, RegistryRequest } from '../../src/oci/registry/http/registry-client.ts';
import { readPages } from '../../src/oci/registry/pages.ts';
import { openStore } from '../../src/oci/store/disk/store.ts';
import { parseExportProvenanceParameters } from '../../src/signing/export-provenance-parameters.generated.ts';
import { memberSpans } from '../../src/signing/json-text.ts';
import { parseSimpleSigning } from '../../src/signing/simple-signing.ts';
import { parseTagManifest } from '../../src/signing/tag-manifest.ts';
import { poisonNativeParser } from '../core/read-json.ts';
import { exportTo, openFixture, requestFor } from '../export/fixture.ts';
import { goAdvisory, vexDocument } from '../fixtures/records.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const descriptor = { mediaType: mediaTypes.ociManifest, digest, size: 3, annotations: { 'a.b': 'c' } };
const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  artifactType: 'x/y',
  config: descriptor,
  layers: [{ ...descriptor, mediaType: mediaTypes.sigstoreBundle }],
  subject: descriptor,
  annotations: { 'd.e': 'f' },
};
const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] };
const profile = { kind: 'json', variant: 'raw', name: 'json:raw', revision: 'r1' };
const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'x', digest: { sha256: digest.slice(7) } }],
  predicateType: 'https://example.org/predicate/v1',
  predicate: { a: { b: 1 } },
};
const critical = {
  identity: { 'docker-reference': 'a/b' },
  image: { 'docker-manifest-digest': digest },
  type: 'cosign container image signature',
};

let scratch: string;

beforeAll(async () => {
  scratch = await makeTempDir();
});

async function dockerLogins(bytes: Uint8Array): Promise<unknown> {
  await writeFile(join(scratch, 'config.json'), bytes);
  return readDockerConfigs({ HOME: scratch, DOCKER_CONFIG: scratch });
}

async function storeVersion(bytes: Uint8Array): Promise<unknown> {
  await mkdir(join(scratch, 'default'), { recursive: true });
  const { paths } = await openStore(scratch, { tenant: 'default', readOnly: true });
  await writeFile(paths.marker, bytes);
  return (await openStore(scratch, { tenant: 'default', readOnly: true })).tenant;
}

function answer(status: number, bytes: Uint8Array): WireResponse {
  const body = async function* () {
    yield bytes;
  };
  const url = new URL('http://127.0.0.1/v2/a/tags/list');
  return { status, url, header: () => undefined, headers: () => [], body: body(), drop: async () => undefined };
}

async function pageOf(bytes: Uint8Array): Promise<unknown> {
  const pages: unknown[] = [];
  const read = async () => ({ response: answer(200, bytes), bytes });
  const client = { origin: new URL('http://127.0.0.1'), read } as unknown as RegistryClient;
  await readPages(
    client,
    {} as RegistryRequest,
    () => true,
    (fields) => pages.push(fields),
  );
  return pages;
}

async function tokenIn(bytes: Uint8Array): Promise<unknown> {
  const request = { realm: new URL('http://127.0.0.1/'), service: undefined, scopes: [], credential: undefined };
  const { token, refreshToken } = await requestToken(request, async () => ({ status: 200, body: bytes }));
  return [token.value, refreshToken];
}

function recordIn(bytes: Uint8Array): unknown {
  const json = new CanonicalReader().read(bytes, 'record');
  return [recognise(json)?.format.name, recognise(json)?.fault, json.value];
}

/** Every reader of JSON from outside, and a document that it takes. */
const READERS: readonly (readonly [name: string, document: object, read: (bytes: Uint8Array) => unknown])[] = [
  ['an OSV record', goAdvisory('A-1', { database_specific: { '\\': 0, '"': [1] } }), recordIn],
  ['an OpenVEX document', vexDocument('https://example.com/1'), recordIn],
  ['a manifest', manifest, (bytes) => parseManifest(bytes, mediaTypes.ociManifest, 'm')],
  ['an index', index, (bytes) => parseManifest(bytes, mediaTypes.ociIndex, 'm')],
  ['index.json of a layout', index, (bytes) => parseLayoutIndex(bytes, 'index.json')],
  ['the marker of a store', { storeVersion: 1 }, storeVersion],
  ['a page of tags', { name: 'a', tags: ['b', 'c'] }, pageOf],
  ['a token', { token: 'T', access_token: 'U', expires_in: 100, refresh_token: 'R' }, tokenIn],
  [
    'the login file of docker',
    { auths: { 'h:1/a': { auth: 'dTpw' } }, credHelpers: { g: 'x' }, credsStore: 's' },
    dockerLogins,
  ],
  [
    'a DSSE envelope',
    { payloadType: 'x', payload: 'YQ==', signatures: [{ keyid: 'k', sig: 'Yg==' }] },
    (bytes) => decodeEnvelope(bytes, 'e'),
  ],
  ['an in-toto statement', statement, (bytes) => parseStatement(bytes, 's')],
  ['the manifest of a sigstore bundle', manifest, (bytes) => parseSigstoreBundleManifest(bytes, 'b')],
  ['the manifest of a tag of cosign', manifest, (bytes) => parseTagManifest(bytes, 't')],
  ['the payload of a cosign signature', { critical, optional: null }, (bytes) => parseSimpleSigning(bytes, 'p')],
  ['members of a manifest that is kept', manifest, (bytes) => [...memberSpans(Buffer.from(bytes).toString()).keys()]],
  [
    'parameters of a provenance',
    { profile, tenant: 'default', selector: {}, asOf: '2026-08-22T00:00:00Z', options: {} },
    (bytes) => parseExportProvenanceParameters(bytes, 'p'),
  ],
  [
    'export-index.json',
    { schema: 'x', version: '1.0.0', view: 'raw', class: 'vex', k: 5, records: 2, shards: [] },
    (bytes) => faultsOf(() => parseExportIndex(bytes, 'i')),
  ],
  [
    'export.json',
    { schema: 'x', profile, contents: [descriptor] },
    (bytes) => faultsOf(() => parseExportManifest(bytes, 'm')),
  ],
];

/** What a schema says of a document that is not complete: every member that it sees counts. */
function faultsOf(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    const { message, details } = error as CodedError;
    return [message, details];
  }
}

const MEMBER_NAME = /"((?:[^"\\]|\\.)*)"(?=\s*:)/gs;

/** The same text with the first character of each member name written as its code. */
function escaped(text: string): string {
  return text.replace(MEMBER_NAME, (_, name: string) => {
    if (name.startsWith('\\')) return `"${name}"`;
    return `"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}"`;
  });
}

function hasEscapedName(text: unknown): boolean {
  return [...String(text).matchAll(MEMBER_NAME)].some(([, name]) => name?.includes('\\'));
}

// biome-ignore lint/plugin: watches every call of the native parser
const native = vi.spyOn(JSON, 'parse');

beforeEach(() => {
  poisonNativeParser();
  native.mockClear();
});

afterEach(() => {
  const texts = native.mock.calls.map(([text]) => text);
  expect(texts.filter(hasEscapedName)).toEqual([]);
});

test.each(READERS)('%s reads the same where its member names are escaped', async (_name, document, read) => {
  const text = JSON.stringify(document);
  expect(hasEscapedName(escaped(text))).toBe(true);
  expect(await read(Buffer.from(escaped(text)))).toEqual(await read(Buffer.from(text)));
});

test.each(READERS.filter(([name]) => !name.startsWith('members')))(
  '%s is refused where a member is there twice, once in letters and once in escapes',
  async (_name, document, read) => {
    const text = JSON.stringify(document);
    const twice = `${text.slice(0, -1)},${escaped(text).slice(1)}`;
    const outcome = await (async () => read(Buffer.from(twice)))().catch((error: unknown) => error);
    const fault = outcome instanceof Error ? outcome : new Error(JSON.stringify(outcome));
    expect(`${fault.message} ${(fault.cause as Error | undefined)?.message}`).toMatch(/duplicate member/);
  },
);

test('the error body of a registry is shown as it is meant', async () => {
  const text = JSON.stringify({ errors: [{ code: 'DENIED', message: 'no', detail: { '\\': 0 } }] });
  const plain = await refusal(answer(403, Buffer.from(text)), 'GET');
  const other = await refusal(answer(403, Buffer.from(escaped(text))), 'GET');
  expect([other.message, other.details]).toEqual([plain.message, plain.details]);
  expect(other.message).toContain('DENIED: no');
});

test.each(['json:raw', 'trivy:db'])('%s of records with escaped names has the bytes of those without', async (name) => {
  const fixture = await openFixture();
  const specific = { database_specific: { '\\': 0, '"': { a: 1, '\n': 2 } } };
  const records = [goAdvisory('GO-2026-0001', specific), goAdvisory('GO-2026-0002', { details: 'a "b": c\\' })];
  const digests: unknown[] = [];
  for (const [folder, write] of [
    ['plain', String],
    ['escapes', escaped],
  ] as const) {
    const source = join(fixture.dir, folder);
    await mkdir(source);
    for (const record of records) await writeFile(join(source, `${record['id']}.json`), write(JSON.stringify(record)));
    const dataSources = [{ prefix: 'GO-', id: 'govulndb', name: 'Go', url: 'https://pkg.go.dev/vuln/' }];
    const options = name === 'json:raw' ? {} : { dataSources };
    const report = await exportTo(
      await fixture.layout(`${folder}-out`),
      requestFor(source, { profile: name, options }),
    );
    digests.push(report.digest);
  }
  expect(digests[1]).toEqual(digests[0]);
});
