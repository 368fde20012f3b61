import { CodedError } from '#core';

/** An archive that is damaged, or written in a way that readers could understand differently. */
export function invalid(archive: string, what: string, entry?: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_ARCHIVE_INVALID', describe(archive, what, entry), {
    hint: 'download the archive again, or recreate it with zip or tar',
    details: { archive, entry },
    cause,
  });
}

/** An archive that tries, or could be used, to reach beyond itself. */
export function unsafe(archive: string, what: string, entry: string): CodedError {
  return new CodedError('ERR_EXPORT_ARCHIVE_UNSAFE', describe(archive, what, entry), {
    hint: 'do not unpack this archive; ask its publisher, or recreate it from regular files with relative names',
    details: { archive, entry },
  });
}

/** An archive that costs more than the limits allow. */
export function overLimit(archive: string, what: string, entry?: string): CodedError {
  return new CodedError('ERR_EXPORT_ARCHIVE_LIMIT', describe(archive, what, entry), {
    hint: 'check where the archive comes from; if you trust it, split it',
    details: { archive, entry },
  });
}

/** A frame of zstd whose reader would have to hold more of what it unpacks than the limit allows. */
export function windowTooLarge(archive: string, windowBytes: number, maxBytes: number): CodedError {
  return new CodedError(
    'ERR_EXPORT_ARCHIVE_LIMIT',
    `${archive}: zstd window of ${windowBytes} bytes exceeds the limit of ${maxBytes} bytes`,
    { hint: 'repack it with zstd --long=27 or less', details: { archive, windowBytes, maxBytes } },
  );
}

/** An entry that is larger than a record may be. */
export function tooLarge(archive: string, entry: string, size: number, maxEntryBytes: number): CodedError {
  const what = `${size} bytes exceed the limit of ${maxEntryBytes} bytes per record`;
  return new CodedError('ERR_EXPORT_RECORD_TOO_LARGE', describe(archive, what, entry), {
    hint: 'split the record, or remove it from the archive',
    details: { archive, entry, sizeBytes: size, maxBytes: maxEntryBytes },
  });
}

/** Names in archives are hostile text: quoted, so that control characters stay visible, and cut. */
function describe(archive: string, what: string, entry: string | undefined): string {
  return entry === undefined
    ? `${archive}: ${what}`
    : `${archive}: entry ${JSON.stringify(entry.slice(0, 300))}: ${what}`;
}
