import { randomBytes } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compressionOf, decodeTar, decompressed, signatureBytes } from '#archive';
import { BboltFile } from '#bbolt';
import {
  CodedError,
  type Digest,
  Digester,
  fileError,
  type Instant,
  instantFrom,
  isCoded,
  parseJsonObject,
} from '#core';

/** A trivy.db in a file. */
export interface TrivyDbFile {
  readonly path: string;
  /** What errors call it: the path by default. */
  readonly name?: string | undefined;
}

/** @throws CodedError ERR_EXPORT_CONTENT_MISMATCH where it is not a bbolt file */
export async function assertDatabase({ path, name }: TrivyDbFile): Promise<void> {
  await using _ = await BboltFile.open(path, { name });
}

/** A trivy.db in a file of this machine. */
export interface UnpackedDatabase {
  readonly path: string;
  /** Of trivy.db. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Of the file that it was unpacked from, which may be the same. */
  readonly fileDigest: Digest;
  /** When it was built and until when it is valid, where metadata.json is beside it. */
  readonly metadata?: DatabaseMetadata;
}

/** What metadata.json says. */
export interface DatabaseMetadata {
  readonly version?: number;
  readonly updatedAt?: Instant;
  readonly nextUpdate?: Instant;
}

const BLOCK = 1024 * 1024;

const FILES = { database: 'trivy.db', metadata: 'metadata.json' } as const;

/** It has a hundred bytes. */
const MAX_METADATA_BYTES = 64 * 1024;

/** Sixteen times as much as a database has in 2026. */
export const maxDatabaseBytes = 16 * 1024 ** 3;

const LIMITS = { maxTotalBytes: maxDatabaseBytes, maxEntries: 100, maxEntryBytes: MAX_METADATA_BYTES } as const;

/**
 * Makes a trivy.db of a file: a trivy.db as it is, one in a compressed tar unpacked into a folder.
 *
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_TOO_LARGE, ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_LIMIT,
 *   ERR_EXPORT_CONTENT_MISMATCH where a tar has no trivy.db
 */
export async function unpackDatabase(path: string, workDir: string, signal?: AbortSignal): Promise<UnpackedDatabase> {
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(error, path);
  });
  if (!found.isFile()) throw notAFile(path, found.isDirectory());
  if (found.size > maxDatabaseBytes) throw databaseTooLarge(path, found.size);
  const file = new HashedFile(path, signal);
  try {
    if (compressionOf(await readStart(path)) === undefined) {
      const digest = await file.finish();
      return { path, digest, sizeBytes: file.sizeBytes, fileDigest: digest };
    }
    const unpacked = await unpackTar(file.chunks(), path, { workDir, signal });
    return { ...unpacked, fileDigest: await file.finish() };
  } finally {
    await file.close();
  }
}

async function readStart(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(signatureBytes), 0, signatureBytes, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw fileError(error, path);
  }
}

async function unpackTar(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  { workDir, signal }: { readonly workDir: string; readonly signal: AbortSignal | undefined },
): Promise<Omit<UnpackedDatabase, 'fileDigest'>> {
  const path = join(workDir, `${randomBytes(8).toString('hex')}.db`);
  let written: { readonly digest: Digest; readonly sizeBytes: number } | undefined;
  let metadata: DatabaseMetadata | undefined;
  for await (const file of decodeTar(decompressed(chunks, name, LIMITS), name, LIMITS)) {
    if (file.path === FILES.database && written === undefined) written = await writeHashed(path, file.chunks(), signal);
    else if (file.path === FILES.metadata) metadata = readMetadata(await file.read());
  }
  if (written === undefined) throw noDatabase(name, `the archive has no ${FILES.database}`);
  return { path, ...written, ...(metadata === undefined ? {} : { metadata }) };
}

async function writeHashed(path: string, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
  const digester = new Digester();
  const hashed = async function* () {
    for await (const chunk of chunks) {
      digester.update(chunk);
      yield chunk;
    }
  };
  try {
    await using out = await open(path, 'wx', 0o600);
    await out.writeFile(hashed());
  } catch (error) {
    throw signal?.aborted === true ? error : fileError(error, path);
  }
  return { sizeBytes: digester.size, digest: digester.digest() };
}

/** What can be read of it: Trivy uses it for dates only. */
function readMetadata(bytes: Uint8Array): DatabaseMetadata {
  try {
    const { Version, UpdatedAt, NextUpdate } = parseJsonObject(bytes, FILES.metadata);
    const timeOf = (value: unknown) => (typeof value === 'string' ? instantFrom(value) : undefined);
    const [updatedAt, nextUpdate] = [timeOf(UpdatedAt), timeOf(NextUpdate)];
    return {
      ...(typeof Version === 'number' ? { version: Version } : {}),
      ...(updatedAt === undefined ? {} : { updatedAt }),
      ...(nextUpdate === undefined ? {} : { nextUpdate }),
    };
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_JSON_INVALID')) throw error;
    return {};
  }
}

/** The error for a file or a layer that no database needs. */
export function databaseTooLarge(name: string, sizeBytes: number): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${name}: ${sizeBytes} bytes, more than ${maxDatabaseBytes}`, {
    hint: 'check that it is a database built for Trivy',
    details: { name, sizeBytes, maxBytes: maxDatabaseBytes },
  });
}

function notAFile(path: string, isDirectory: boolean): CodedError {
  return new CodedError(
    'ERR_EXPORT_USAGE',
    `${path}: ${isDirectory ? 'a directory' : 'not a file'}, not a Trivy database`,
    {
      hint: isDirectory
        ? 'specify the trivy.db or db.tar.gz in it; of an OCI layout, write oci:DIR:NAME'
        : 'specify a trivy.db, or a db.tar.gz that holds one',
      details: { path },
    },
  );
}

function noDatabase(path: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${path}: not a Trivy database: ${what}`, {
    hint: 'specify a trivy.db, or a db.tar.gz that holds one',
    details: { path },
  });
}

/** Reads a file to its end whatever its reader does, so that its digest is that of all of it. */
class HashedFile {
  readonly #blocks: AsyncGenerator<Uint8Array>;
  readonly #digester = new Digester();

  constructor(path: string, signal: AbortSignal | undefined) {
    this.#blocks = readBlocks(path, signal);
  }

  get sizeBytes(): number {
    return this.#digester.size;
  }

  /** What was not read yet. A reader that stops does not close the file. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let next = await this.#blocks.next(); !next.done; next = await this.#blocks.next()) {
      this.#digester.update(next.value);
      yield next.value;
    }
  }

  /** Reads the rest. */
  async finish(): Promise<Digest> {
    for await (const _ of this.chunks());
    return this.#digester.digest();
  }

  async close(): Promise<void> {
    await this.#blocks.return(undefined);
  }
}

async function* readBlocks(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const asFileError = (error: unknown) => {
    throw fileError(error, path);
  };
  await using file = await open(path, 'r').catch(asFileError);
  // No further than the file was long: another process may write to it without end.
  for (let left = (await file.stat()).size; left > 0; ) {
    signal?.throwIfAborted();
    const size = Math.min(BLOCK, left);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, null).catch(asFileError);
    if (bytesRead === 0) return;
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
