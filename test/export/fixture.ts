import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '#core';
import { type ExportReport, type ExportRequest, type RunOptions, runExport } from '#export';
import { type Layout, openLayout } from '#oci/layout';
import { createSigner, createVerifier, generateKeyPair, type Signer, type Verifier } from '#signing';

/** A folder of a test's own. */
export interface ExportFixture {
  readonly dir: string;
  /** Writes records into a source and gives its path. */
  source(records: readonly JsonObject[], name?: string): Promise<string>;
  /** A layout in the folder, made by its first push. */
  layout(name?: string): Promise<Layout>;
  remove(): Promise<void>;
}

export async function openFixture(): Promise<ExportFixture> {
  const dir = await mkdtemp(join(tmpdir(), 'export-test-'));
  return {
    dir,
    source: async (records, name = 'records') => {
      const folder = join(dir, name);
      await mkdir(folder, { recursive: true });
      for (const [i, record] of records.entries()) await writeFile(join(folder, `${i}.json`), JSON.stringify(record));
      return folder;
    },
    layout: (name = 'layout') => openLayout(join(dir, name), { create: true, durable: false }),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** A sound advisory for a Go module. */
export function advisory(id: string, more: JsonObject = {}): JsonObject {
  return {
    schema_version: '1.7.5',
    id,
    modified: '2026-02-01T00:00:00Z',
    published: '2026-01-01T00:00:00Z',
    summary: `what ${id} is about`,
    affected: [
      {
        package: { ecosystem: 'Go', name: 'example.com/module' },
        ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '1.2.3' }] }],
      },
    ],
    ...more,
  };
}

/** A sound VEX document. */
export function vexDocument(id: string): JsonObject {
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': id,
    author: 'somebody',
    timestamp: '2026-01-15T00:00:00Z',
    version: 1,
    statements: [{ vulnerability: { name: 'CVE-2026-0001' }, status: 'under_investigation' }],
  };
}

/** A request for everything in a source. */
export function requestFor(source: string, more: Partial<ExportRequest> = {}): ExportRequest {
  return {
    profile: 'json:raw',
    sources: [source],
    selector: {},
    tenant: 'default',
    withholdInvalid: false,
    ...more,
  };
}

/** A key, and what it makes and knows. */
export interface SignerFixture {
  readonly signer: Signer;
  readonly verifier: Verifier;
}

export function newSignerFixture(): SignerFixture {
  const { privateKey, publicKey } = generateKeyPair();
  return { signer: createSigner(privateKey), verifier: createVerifier(publicKey) };
}

export const builderId = 'https://example.test/builder';

/** Runs an export to a tag of a layout. */
export function exportTo(
  layout: Layout,
  request: ExportRequest,
  options: Partial<RunOptions> = {},
  tag = '1',
): Promise<ExportReport> {
  return runExport(request, { ...runOptions, destinations: [destinationIn(layout, tag)], ...options });
}

export function destinationIn(layout: Layout, tag = '1'): RunOptions['destinations'][number] {
  return { reference: { kind: 'layout', path: layout.name.slice('oci:'.length), tag }, repository: layout };
}

/** Options of a run without destinations. */
export const runOptions: RunOptions = {
  destinations: [],
  builderId,
  builderVersion: { 'export-center': '1.0.0' },
  clock: { now: () => new Date('2026-03-01T00:00:00Z') },
};
