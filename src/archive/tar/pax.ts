import { invalid } from '../faults.ts';

/** What an extended header can change of the header that follows it. */
export interface PaxChanges {
  readonly path?: string;
  readonly size?: number;
  /** The target of a link. */
  readonly link?: string;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const DECIMAL = /^\d{1,16}$/;

/**
 * Decodes the records of a pax extended header: `length SP key = value LF`, the length counting itself.
 * Keys that do not touch name or size (times, owners, comments) are passed over.
 *
 * @throws CodedError ERR_EXPORT_ARCHIVE_INVALID for a damaged record, and for sparse files, whose content has holes
 */
export function decodePax(bytes: Uint8Array, archive: string): PaxChanges {
  const changes: { path?: string; size?: number; link?: string } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 || space - at > 8 ? '' : Buffer.from(bytes.subarray(at, space)).toString('latin1');
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    const valid =
      DECIMAL.test(digits) && end <= bytes.length && bytes[end - 1] === 0x0a && equals > space + 1 && equals < end;
    if (!valid) throw invalid(archive, 'a damaged extended header');
    const key = decodeText(bytes.subarray(space + 1, equals), archive);
    const value = bytes.subarray(equals + 1, end - 1);
    if (key === 'path') changes.path = decodeText(value, archive);
    else if (key === 'linkpath') changes.link = decodeText(value, archive);
    else if (key === 'size') changes.size = decodeSize(value, archive);
    else if (key.startsWith('GNU.sparse.')) throw invalid(archive, 'a sparse file', changes.path);
    at = end;
  }
  return changes;
}

function decodeText(bytes: Uint8Array, archive: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw invalid(archive, 'an extended header that is not UTF-8', undefined, cause);
  }
}

function decodeSize(bytes: Uint8Array, archive: string): number {
  const text = decodeText(bytes, archive);
  const size = Number(text);
  if (DECIMAL.test(text) && Number.isSafeInteger(size)) return size;
  throw invalid(archive, `an impossible size in an extended header: ${JSON.stringify(text.slice(0, 40))}`);
}
