import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#core';
import { type ExportReport, type ExportRequest, type RunOptions, runExport } from '#export';
import { type Layout, openLayout } from '#oci/layout';
import { createSigner, createVerifier, generateKeyPair, type Signer, type Verifier } from '#signing';
import { makeTempDir } from '../fixtures/temp-dir.ts';

/** A directory that is removed after the test, for sources and layouts. */
export interface ExportFixture {
  readonly dir: string;
  /** Writes records into a source and gives its path. */
  source(records: readonly JsonObject[], name?: string): Promise<string>;
  /** A layout in the folder, made by its first push. */
  layout(name?: string): Promise<Layout>;
}

export async function openFixture(): Promise<ExportFixture> {
  const dir = await makeTempDir();
  return {
    dir,
    source: async (records, name = 'records') => {
      const folder = join(dir, name);
      await mkdir(folder, { recursive: true });
      for (const [i, record] of records.entries()) await writeFile(join(folder, `${i}.json`), JSON.stringify(record));
      return folder;
    },
    layout: (name = 'layout') => openLayout(join(dir, name), { create: true, durable: false }),
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

/** What tests of `verify` start with: a directory, a layout in it, and a key. */
export async function openVerifyFixture(): Promise<{ fixture: ExportFixture; layout: Layout; keys: SignerFixture }> {
  const fixture = await openFixture();
  return { fixture, layout: await fixture.layout(), keys: newSignerFixture() };
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
