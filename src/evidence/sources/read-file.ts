import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { unreadable } from './faults.ts';

const CHUNK = 256 * 1024;

/**
 * The content of a file in pieces, each with memory of its own: whoever unpacks one still holds it when asking for the
 * next.
 *
 * @param flags how to open it; default: read-only, following symlinks
 * @throws CodedError ERR_EXPORT_SOURCE_UNREADABLE
 */
export async function* readChunks(path: string, flags: number = constants.O_RDONLY): AsyncGenerator<Uint8Array> {
  try {
    await using file = await open(path, flags);
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(CHUNK);
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}
