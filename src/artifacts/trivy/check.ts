import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeGzip, decodeTar, type TarFile } from '#archive';
import { checkBbolt } from '#bbolt';
import { fileError, type Instant } from '#core';
import { type ContentCheck, mismatch, readWhole } from '../content-check.ts';
import { encodeMetadata, layerFiles, layerPath } from './layer-files.ts';

/** What export.json says of a `trivy:db` artifact. */
export interface TrivyDbExpectation {
  readonly asOf: Instant;
  readonly validForSeconds: number;
  /** An existing folder for temporary files. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
}

/** Far beyond any database, and a bound on what a hostile layer may unpack to. */
const MAX_LAYER_BYTES = 64 * 1024 ** 3;

/** Checks the one layer of a `trivy:db` artifact: the two files in it, their dates, and every page of the database. */
export function checkTrivyDb(expected: TrivyDbExpectation): ContentCheck {
  let seen = false;
  return {
    async file(title, chunks) {
      if (title !== layerPath || seen) throw mismatch(title, 'not the one layer that Trivy takes');
      seen = true;
      await readWhole(title, chunks, (lent) => checkLayer(title, lent, expected));
    },
    async end() {
      if (!seen) throw mismatch(layerPath, 'it is not there');
    },
  };
}

async function checkLayer(
  title: string,
  chunks: AsyncIterable<Uint8Array>,
  expected: TrivyDbExpectation,
): Promise<void> {
  const names: string[] = [];
  const limits = { maxTotalBytes: MAX_LAYER_BYTES, maxRatio: 1100 };
  for await (const file of decodeTar(decodeGzip(chunks, title, limits), title, limits)) {
    names.push(file.path);
    if (file.path === layerFiles.metadata) checkMetadata(await file.read(), expected);
    else if (file.path === layerFiles.database) await checkDatabase(file, expected);
  }
  const wanted = [layerFiles.metadata, layerFiles.database];
  if (names.join() !== wanted.join()) throw mismatch(title, `it holds ${names.join(', ')}, not ${wanted.join(', ')}`);
}

function checkMetadata(bytes: Uint8Array, { asOf, validForSeconds }: TrivyDbExpectation): void {
  const wanted = encodeMetadata(asOf, validForSeconds);
  if (!Buffer.from(wanted).equals(bytes))
    throw mismatch(layerFiles.metadata, 'its dates do not follow from asOf and the time it is valid for');
}

async function checkDatabase(file: TarFile, { workDir, signal }: TrivyDbExpectation): Promise<void> {
  const path = join(workDir, `${randomBytes(8).toString('hex')}.db`);
  try {
    await writeChunks(path, file.chunks());
    await checkBbolt(path, signal);
  } finally {
    await rm(path, { force: true });
  }
}

async function writeChunks(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await using out = await open(path, 'wx', 0o600);
    await out.writeFile(chunks);
  } catch (error) {
    throw fileError(error, path);
  }
}
