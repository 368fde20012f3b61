import { createGunzip } from 'node:zlib';
import { CodedError } from '#core';
import { Meter, runEngine } from './engine.ts';
import { invalid } from './faults.ts';
import { type ArchiveLimits, Budget, defaultLimits } from './limits.ts';

/**
 * The content of a gzip file of one member or several (RFC 1952 §2.2), checksums checked.
 *
 * @param name what the bytes are called in an error
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID when damaged, cut short, or followed by other bytes
 * @throws CodedError ERR_EXPORT_ARCHIVE_LIMIT past `maxTotalBytes` or `maxRatio`
 */
export async function* decodeGzip(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  limits: Partial<ArchiveLimits> = {},
): AsyncGenerator<Uint8Array> {
  const budget = new Budget(name, { ...defaultLimits, ...limits });
  const packed = new Meter();
  const engine = createGunzip({ chunkSize: 128 * 1024 });
  let unpacked = 0;
  try {
    for await (const chunk of runEngine(engine, packed.over(chunks))) {
      unpacked += chunk.length;
      budget.checkTotal(packed.bytes, unpacked);
      yield chunk;
    }
  } catch (error) {
    throw damaged(error, name);
  }
  // node:zlib passes over what follows the last member when it begins with a zero byte.
  if (engine.bytesWritten !== packed.bytes) throw invalid(name, 'bytes after the end of the gzip data');
}

/** Errors of a decompressor mean damaged bytes; all others come from the source and pass as they are. */
export function damaged(error: unknown, name: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (error instanceof CodedError || !/^(?:Z_|ZSTD_|ERR_STREAM_PREMATURE_CLOSE)/.test(code)) return error;
  return invalid(name, 'the compressed bytes are damaged or cut short', undefined, error);
}
