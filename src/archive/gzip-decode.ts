import { createGunzip } from 'node:zlib';
import { runEngine } from './engine.ts';
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
  const engine = createGunzip({ chunkSize: 128 * 1024 });
  let packed = 0;
  const counted = async function* () {
    for await (const chunk of chunks) {
      packed += chunk.length;
      yield chunk;
    }
  };
  let unpacked = 0;
  for await (const chunk of runEngine(engine, counted(), name)) {
    unpacked += chunk.length;
    budget.checkTotal(packed, unpacked);
    yield chunk;
  }
  // node:zlib passes over what follows the last member when it begins with a zero byte.
  if (engine.bytesWritten !== packed) throw invalid(name, 'trailing bytes after the compressed data');
}
