import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { type BuildOptions, type BuildReport, buildTrivyDb, type TrivyDbOptions } from '#artifacts';
import { BboltFile } from '#bbolt';
import { digestOf, encodeCanonical, type Instant, type JsonObject } from '#core';
import { departuresOfAdvisory, type EvidenceRecord, type RecordSet } from '#evidence';
import { readJson } from '../../core/read-json.ts';
import { recordSetOf } from '../json/record-set.ts';

/** A database as text: `bucket | package | id` to value. A bucket without content has the value `{}`. */
export type Dump = ReadonlyMap<string, string>;

/** What a build gave. */
export interface BuiltDb {
  readonly report: BuildReport;
  readonly layer: Buffer;
  readonly path: string;
  readonly mediaType: string;
  readonly records: number;
  readonly members: readonly { readonly header: Header; readonly bytes: Buffer }[];
  readonly dump: Dump;
}

/** What a build left out: by reason the number of parts, and the records listed with how many and where first. */
export function lossesOf({ losses }: BuildReport): Record<string, string> {
  return Object.fromEntries(
    losses.map(({ reason, parts, listed }) => {
      const named = listed.map((entry) => `${entry.record} ${entry.parts}${entry.pointer && ` ${entry.pointer}`}`);
      return [reason, `${parts}: ${named.join(', ')}`];
    }),
  );
}

/** Makes records of OSV objects; what every record needs is added. */
export function osvRecords(...values: readonly JsonObject[]): EvidenceRecord[] {
  return values.map((value) => {
    const bytes = encodeCanonical({ modified: '2026-01-01T00:00:00Z', ...value });
    const departs = departuresOfAdvisory(bytes).length > 0;
    return { class: 'advisories', format: 'osv', key: String(value['id']), bytes, digest: digestOf(bytes), departs };
  });
}

/** An entry of `affected` with ranges of type ECOSYSTEM, one for each list of events. */
export function affected(ecosystem: string, name: string, ...ranges: readonly JsonObject[][]): JsonObject {
  return { package: { ecosystem, name }, ranges: ranges.map((events) => ({ type: 'ECOSYSTEM', events })) };
}

/** Builds a database of OSV objects. */
export async function buildOf(
  values: readonly JsonObject[],
  options: Partial<TrivyDbOptions> = {},
  batchSizes?: readonly number[],
): Promise<BuiltDb> {
  return await buildSet(recordSetOf(osvRecords(...values), batchSizes), options);
}

/** Builds a database of a set, and reads all of it. */
export async function buildSet(set: RecordSet, options: Partial<TrivyDbOptions> = {}): Promise<BuiltDb> {
  const workDir = options.workDir ?? (await mkdtemp(join(tmpdir(), 'trivy-db-')));
  try {
    const build = buildTrivyDb(set, { ...defaults(workDir), ...options });
    const layers = [];
    for await (const { path, mediaType, records, chunks } of build.drafts) {
      layers.push({ path, mediaType, records, layer: Buffer.concat(await Array.fromAsync(chunks)) });
    }
    const [only, ...others] = layers;
    if (only === undefined || others.length > 0) throw new Error(`${layers.length} layers, expected one`);
    const members = await untar(gunzipSync(only.layer));
    const database = join(workDir, 'dumped.db');
    await writeFile(database, members.find(({ header }) => header.name === 'trivy.db')?.bytes ?? '');
    return { ...only, report: build.report(), members, dump: await dumpDb(database) };
  } finally {
    if (options.workDir === undefined) await rm(workDir, { recursive: true });
  }
}

function defaults(workDir: string): BuildOptions & { validForSeconds: number } {
  return { asOf: '2026-08-22T00:00:00Z' as Instant, workDir, validForSeconds: 86_400 };
}

/** Reads a whole database. */
export async function dumpDb(path: string): Promise<Dump> {
  const file = await BboltFile.open(path);
  try {
    const dump = new Map<string, string>();
    for await (const { bucket, key, value } of file.entries()) {
      const names = [...bucket, ...(key === undefined ? [] : [key])].map((name) => Buffer.from(name).toString('utf8'));
      dump.set(names.join(' | '), value === undefined ? '{}' : Buffer.from(value).toString('utf8'));
    }
    return dump;
  } finally {
    await file.close();
  }
}

async function untar(bytes: Buffer): Promise<{ header: Header; bytes: Buffer }[]> {
  const members: { header: Header; bytes: Buffer }[] = [];
  for await (const entry of Readable.from([bytes]).pipe(extract())) {
    const { header } = entry as { header: Header };
    members.push({ header, bytes: Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Uint8Array>)) });
  }
  return members;
}

/** A value of a dump, decoded. */
export function rowOf(dump: Dump, key: string): JsonObject {
  const text = dump.get(key);
  if (text === undefined) throw new Error(`no ${key} among ${[...dump.keys()].join(', ')}`);
  return readJson(text) as JsonObject;
}
