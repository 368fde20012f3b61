import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeGzip, encodeTar } from '#archive';
import { BboltFile, writeBbolt } from '#bbolt';
import { CodedError, fileError, mediaTypes } from '#core';
import type { RecordSet } from '#evidence';
import { readItems } from '#sort';
import type { Build, BuildOptions, BuildReport, LayerDraft } from '../layer.ts';
import {
  type BaseScope,
  checkIsTrivyDb,
  type MergeReport,
  mergeTrivyDbs,
  notMergeable,
  readDatabase,
} from '../trivy-merge.ts';
import { openTarget, type PackageSelection } from './advisory-mapper.ts';
import { uniteAdvisories } from './advisory-union.ts';
import { type DataSourceRule, DataSources } from './data-sources.ts';
import { databaseEntries } from './database.ts';
import { encodeMetadata, layerFiles, layerPath, layerTime } from './layer-files.ts';
import { mapRecords } from './mapping.ts';

/** Goes up when the same records give other bytes. */
export const trivyDbAdapter = { name: 'trivy-db', version: 2 } as const;

/** What this builder is told beyond what every builder is. */
export interface TrivyDbOptions extends BuildOptions {
  /** How long trivy is content with the database before it asks for a new one. */
  readonly validForSeconds: number;
  /** Data sources that come before the defaults; of those that fit a record the one with the longest prefix counts. */
  readonly dataSources?: readonly DataSourceRule[] | undefined;
  /**
   * Ids of data sources in order of precedence: of what several say of a package under one id, only the first counts.
   * Those that it does not name come after, and are merged; so are all where it is absent.
   */
  readonly sourcePrecedence?: readonly string[] | undefined;
  /** Which packages of the records are wanted; all where it is absent. */
  readonly packages?: PackageSelection | undefined;
  /** An official trivy.db into which the advisories are merged; it must not change meanwhile. */
  readonly base?: TrivyDbBase | undefined;
  /** Advisories from which on a second thread is used, in place of the default. */
  readonly threadFrom?: number | undefined;
}

/** A trivy.db that others have built. */
export interface TrivyDbBase {
  readonly path: string;
  /** What errors call it: the path by default. */
  readonly name?: string | undefined;
  readonly sizeBytes: number;
  /** What is wanted of it. */
  readonly scope?: BaseScope | undefined;
}

/**
 * Builds the database that `trivy --db-repository` takes, from the advisories of a set: one layer, a gzipped tar of
 * `metadata.json` and `trivy.db`. Memory stays flat; records, rows and the database pass through files in a folder of
 * the builder's own in `workDir`.
 *
 * @throws CodedError ERR_EXPORT_USAGE at once for options that cannot be met. From the drafts:
 *   ERR_EXPORT_TOO_LARGE, and those of files. A record with a range that trivy could not parse is withheld
 */
export function buildTrivyDb(set: RecordSet, options: TrivyDbOptions): Build {
  checkTimes(set, options);
  const sources = new DataSources(options.dataSources, options.sourcePrecedence);
  if (options.base === undefined) sources.assertKnown();
  let finished: BuildReport | undefined;
  return {
    drafts: draftsOf(set, options, sources, (report) => {
      finished = report;
    }),
    report: () => {
      if (finished === undefined) throw new TypeError('the drafts are not consumed yet');
      return finished;
    },
  };
}

async function* draftsOf(
  set: RecordSet,
  options: TrivyDbOptions,
  sources: DataSources,
  finish: (report: BuildReport) => void,
): AsyncGenerator<LayerDraft> {
  const folder = await mkdtemp(join(options.workDir, 'trivy-db-')).catch((error: unknown) => {
    throw fileError(error, options.workDir);
  });
  try {
    if (options.base !== undefined) await checkPrecedence(sources, options.base);
    const { asOf, dataSources, packages, threadFrom, signal } = options;
    const target = openTarget(folder);
    const { rows, advisories, losses } = target;
    const mapping = { folder, options: { asOf, dataSources, packages }, threadFrom, signal };
    const { records, withheld } = await mapRecords(set, target, mapping);
    await uniteAdvisories(advisories, rows, losses, { rankOf: (bucket) => sources.rankOfBucket(bucket) });
    const entries = databaseEntries(readItems(rows), losses, (a, b) => sources.compare(a, b));
    const { path, sizeBytes, merge } = await writeDatabase(folder, entries, options);
    const chunks = encodeGzip(tarOf(path, sizeBytes, options));
    yield { path: layerPath, mediaType: mediaTypes.trivyDbLayer, records, chunks };
    finish({ withheld, losses: await losses.finish(), ...(merge === undefined ? {} : { merge }) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The base may have data sources that no record of OSV has. */
async function checkPrecedence(sources: DataSources, { path, name }: TrivyDbBase): Promise<void> {
  await using file = await BboltFile.open(path, { name });
  const { sourceIds } = await readDatabase(file);
  sources.assertKnown([...sourceIds.values()]);
}

interface WrittenDatabase {
  readonly path: string;
  readonly sizeBytes: number;
  readonly merge?: BuildReport['merge'];
}

async function writeDatabase(
  folder: string,
  entries: ReturnType<typeof databaseEntries>,
  { base, sourcePrecedence, signal }: TrivyDbOptions,
): Promise<WrittenDatabase> {
  const path = join(folder, layerFiles.database);
  if (base === undefined) return { path, ...(await writeBbolt(path, entries)) };
  const ownPath = join(folder, 'own.db');
  await writeBbolt(ownPath, entries);
  await using baseFile = await BboltFile.open(base.path, { name: base.name, signal });
  await checkIsTrivyDb(baseFile);
  await using own = await BboltFile.open(ownPath, { signal });
  const merging = mergeTrivyDbs(baseFile, own, { workDir: folder, sourcePrecedence, scope: base.scope, signal });
  const { sizeBytes } = await writeMerged(path, merging.entries);
  await rm(ownPath);
  const report: MergeReport = merging.report();
  return { path, sizeBytes, merge: { baseBytes: base.sizeBytes, mergedBytes: sizeBytes, ...report } };
}

/** The writer takes entries in order only, and those of a base may be in any. */
async function writeMerged(path: string, entries: Parameters<typeof writeBbolt>[1]): ReturnType<typeof writeBbolt> {
  try {
    return await writeBbolt(path, entries);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw notMergeable(error.message, error);
  }
}

function tarOf(database: string, size: number, { asOf, validForSeconds }: TrivyDbOptions): AsyncIterable<Uint8Array> {
  const metadata = encodeMetadata(asOf, validForSeconds);
  return encodeTar(
    [
      { path: layerFiles.metadata, size: metadata.byteLength, content: metadata },
      { path: layerFiles.database, size, content: readFile(database) },
    ],
    { mtime: layerTime(asOf) },
  );
}

const READ_BYTES = 256 * 1024;

/** Reads a file through two buffers in turn: while the tar hands one on, the other is filled. */
async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r').catch((error: unknown) => {
    throw fileError(error, path);
  });
  let [buffer, other] = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)];
  for (;;) {
    const filled = await fill(buffer, file, path);
    if (filled > 0) yield buffer.subarray(0, filled);
    if (filled < READ_BYTES) return;
    [buffer, other] = [other, buffer];
  }
}

/** Fills a buffer from where the file stands. @returns fewer bytes than it has room for only at the file's end */
async function fill(buffer: Buffer, file: FileHandle, path: string): Promise<number> {
  let filled = 0;
  while (filled < buffer.byteLength) {
    const left = buffer.byteLength - filled;
    const { bytesRead } = await file.read(buffer, filled, left, null).catch((error: unknown) => {
      throw fileError(error, path);
    });
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** Times that a tar header holds; trivy would take 0 for the present. */
const MAX_SECONDS = 2 ** 31 - 1;

function checkTimes(set: RecordSet, { asOf, validForSeconds }: TrivyDbOptions): void {
  const seconds = layerTime(asOf);
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    const range = 'between 1970-01-01T00:00:01Z and 2038-01-19T03:14:07Z';
    const isOfRecord = asOf === set.newest;
    const subject = isOfRecord ? `${set.newestRecord}: last changed ${asOf}` : `--as-of ${asOf}`;
    throw new CodedError('ERR_EXPORT_USAGE', `${subject}: not a valid time for a Trivy database`, {
      hint: isOfRecord ? `correct the record, or specify a time ${range} with --as-of` : `specify a time ${range}`,
      details: { asOf, ...(isOfRecord ? { record: set.newestRecord } : {}) },
    });
  }
  if (!Number.isSafeInteger(validForSeconds) || validForSeconds <= 0) {
    throw new RangeError(`validForSeconds must be a whole number above 0, not ${validForSeconds}`);
  }
}
