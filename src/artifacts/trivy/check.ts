import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeFramedGzip, type ExactTarFile, readExactTar } from '#archive';
import { checkOwnBbolt } from '#bbolt';
import { fileError, type Instant } from '#core';
import { type ContentCheck, mismatch, readWhole } from '../content-check.ts';
import { encodeMetadata, layerFiles, layerPath, layerTime } from './layer-files.ts';

/** What export.json says of a `trivy:db` artifact. */
export interface TrivyDbExpectation {
  readonly asOf: Instant;
  readonly validForSeconds: number;
  /** An existing folder for temporary files. */
  readonly workDir: string;
  readonly signal?: AbortSignal | undefined;
}

/** The files of a layer, in their order. */
const FILES: readonly string[] = [layerFiles.metadata, layerFiles.database];

/**
 * Checks the one layer of a `trivy:db` artifact, of which every byte must be as docs/FORMATS.md says: the framing of
 * gzip and tar, the two files, their dates, and every page of the database.
 */
export function checkTrivyDb(expected: TrivyDbExpectation): ContentCheck {
  let seen = false;
  return {
    async file(title, chunks) {
      if (title !== layerPath || seen) throw mismatch(title, 'not the single layer that Trivy reads');
      seen = true;
      await readWhole(title, chunks, (content) => checkLayer(title, content, expected));
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
  let count = 0;
  const mtime = layerTime(expected.asOf);
  for await (const file of readExactTar(decodeFramedGzip(chunks, title), title, mtime)) {
    const wanted = FILES[count++];
    if (file.path !== wanted)
      throw mismatch(title, `it contains ${quoted(file.path)}, expected ${wanted ?? 'its end'}`);
    if (wanted === layerFiles.metadata) await checkMetadata(file, expected);
    else await checkDatabase(file, expected);
  }
  if (count < FILES.length) throw mismatch(title, `it lacks ${FILES[count]}`);
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 300));
}

async function checkMetadata(file: ExactTarFile, { asOf, validForSeconds }: TrivyDbExpectation): Promise<void> {
  const wanted = encodeMetadata(asOf, validForSeconds);
  const parts = file.size === wanted.byteLength ? await Array.fromAsync(file.chunks()) : [];
  if (!Buffer.concat(parts).equals(wanted))
    throw mismatch(layerFiles.metadata, 'its dates do not match asOf and validForSeconds');
}

async function checkDatabase(file: ExactTarFile, { workDir, signal }: TrivyDbExpectation): Promise<void> {
  const path = join(workDir, `${randomBytes(8).toString('hex')}.db`);
  try {
    await writeChunks(path, file.chunks());
    await checkOwnBbolt(path, signal);
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
