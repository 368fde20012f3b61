import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileError, readPart } from '#core';
import { kitFault } from '../faults.ts';
import { maxReceiptBytes } from './receipt.ts';

const HINT = 'specify the file that mirror import --zone-key wrote';

/**
 * The bytes of a receipt in a file; nothing of it is verified. A pipe is not waited for, and no device is read.
 *
 * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_TOO_LARGE, ERR_EXPORT_NOT_FOUND
 */
export async function readReceiptFile(path: string, maxBytes: number = maxReceiptBytes): Promise<Uint8Array> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) throw kitFault('ERR_EXPORT_USAGE', path, 'not a regular file', HINT);
    const { size } = stats;
    if (size > maxBytes) {
      throw kitFault('ERR_EXPORT_TOO_LARGE', path, `${size} bytes, more than a receipt has`, HINT);
    }
    return new Uint8Array(await readPart(file, size, 0));
  } catch (error) {
    throw fileError(error, path);
  }
}
