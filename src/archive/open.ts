import { constants, type FileHandle, open } from 'node:fs/promises';
import { fileError, readPart } from '#core';
import { ByteReader } from './byte-reader.ts';
import { decodeGzip } from './gzip-decode.ts';
import { type ArchiveLimits, Budget, defaultLimits } from './limits.ts';
import { headBytes, packingOf } from './magic.ts';
import type { ArchiveReader } from './reader.ts';
import { isZero } from './tar/header.ts';
import { TarReader, type TarSource } from './tar/reader.ts';
import { ZipReader } from './zip/reader.ts';
import { decodeZstd } from './zstd-decode.ts';

const READ_BYTES = 256 * 1024;

/**
 * Opens a zip, tar, tar.gz or tar.zst archive, told by its content and never by its name.
 *
 * A zip's directory is checked whole before this returns; tar archives are checked as they stream.
 *
 * @returns undefined when the file is none of these
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID, ERR_EXPORT_ARCHIVE_UNSAFE, ERR_EXPORT_ARCHIVE_LIMIT
 * @throws CodedError ERR_EXPORT_NOT_FOUND, ERR_EXPORT_NOT_WRITABLE, ERR_EXPORT_IO when the file cannot be read
 */
export async function openArchive(
  path: string,
  limits: Partial<ArchiveLimits> = {},
): Promise<ArchiveReader | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (error) {
    throw fileError(error, path);
  }
  let reader: ArchiveReader | undefined;
  try {
    reader = await recognise(file, path, { ...defaultLimits, ...limits });
  } catch (error) {
    throw fileError(error, path);
  } finally {
    if (reader === undefined) await file.close();
  }
  return reader;
}

async function recognise(file: FileHandle, path: string, limits: ArchiveLimits): Promise<ArchiveReader | undefined> {
  const packing = packingOf(await readPart(file, headBytes, 0))?.name;
  const { size } = await file.stat();
  if (packing === 'zip') return await ZipReader.open(file, path, size, limits);
  const source = tarSource(file, path, limits, packing);
  if (!(await startsAsTar(source.chunks()))) return undefined;
  if (source.format === 'tar') new Budget(path, limits).checkTotal(size, size);
  return new TarReader(source, path, limits);
}

function tarSource(file: FileHandle, path: string, limits: ArchiveLimits, packing: string | undefined): TarSource {
  const raw = () => readChunks(file, path);
  const close = () => file.close();
  if (packing === 'gzip') return { format: 'tar.gz', chunks: () => decodeGzip(raw(), path, limits), close };
  if (packing === 'zstd') return { format: 'tar.zst', chunks: () => decodeZstd(raw(), path, limits), close };
  return { format: 'tar', chunks: raw, close };
}

async function startsAsTar(chunks: AsyncIterable<Uint8Array>): Promise<boolean> {
  const bytes = new ByteReader(chunks);
  try {
    const head = await bytes.take(headBytes);
    const isEmptyTar = head.length === headBytes && isZero(head);
    return isEmptyTar || packingOf(head)?.name === 'tar';
  } finally {
    await bytes.close();
  }
}

async function* readChunks(file: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    // A buffer of its own for each chunk: decompressors still hold the last one when they ask for the next.
    const chunk = Buffer.allocUnsafeSlow(READ_BYTES);
    let bytesRead: number;
    try {
      ({ bytesRead } = await file.read(chunk, 0, READ_BYTES, at));
    } catch (error) {
      throw fileError(error, path);
    }
    if (bytesRead === 0) return;
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}
