import type { Packing } from '#archive';
import { CodedError, isCoded, isSystemError } from '#core';
import { maxRecordBytes } from './source.ts';

const REASONS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOENT: ['no such file or directory', 'check the path'],
  EACCES: ['permission denied', 'make it readable for this user'],
  EPERM: ['permission denied', 'make it readable for this user'],
  ELOOP: ['the path is or contains a symbolic link', 'specify the file itself'],
  ENOTDIR: ['a part of the path is not a directory', 'check the path'],
};

/** A source, or a file in it, that cannot be read; errors that are coded already pass as they are. */
export function unreadable(path: string, error: unknown): CodedError {
  if (isCoded(error)) return error;
  // What stands for bytes that are no text cannot be opened by that name.
  if (isSystemError(error, 'ENOENT') && path.includes('\ufffd')) return notText(path, error);
  const system = isSystemError(error, ...Object.keys(REASONS)) ? String(error.code) : undefined;
  const [what, hint] = (system === undefined ? undefined : REASONS[system]) ?? [
    error instanceof Error ? error.message : 'it cannot be read',
    'check the disk, then run the same command again',
  ];
  return new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${path}: ${what}`, {
    hint,
    details: { source: path },
    cause: error,
  });
}

function notText(path: string, cause: unknown): CodedError {
  return new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${path}: its name is not valid UTF-8`, {
    hint: 'rename it, or pack the records into an archive under other names',
    details: { source: path },
    cause,
  });
}

/** A record over the limit; its size is undefined where nobody read to its end. */
export function recordTooLarge(place: string, size: number | undefined): CodedError {
  const found = size === undefined ? '' : `${size} bytes, `;
  return new CodedError(
    'ERR_EXPORT_RECORD_TOO_LARGE',
    `${place}: ${found}more than the limit of ${maxRecordBytes} bytes per record`,
    {
      hint: 'split the record, or remove it from the source; unpack an archive that holds a large list of records',
      details: { file: place, sizeBytes: size, maxBytes: maxRecordBytes },
    },
  );
}

/** A file that is packed in a way that has no reader here. */
export function unreadPacking(place: string, { name, command }: Packing): CodedError {
  return new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${place}: ${name} data is not supported`, {
    hint: `unpack it first${command === undefined ? '' : `, for example with ${command}`}, or repack it as zip, tar.gz or tar.zst`,
    details: { source: place, packing: name },
  });
}

/** A folder with the files of a bundle, which are not those that its checksums.txt lists. */
export function bundleDamaged(path: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_DIGEST_MISMATCH', `${path}: ${what}`, {
    hint: 'pull the bundle again into an empty directory',
    details: { file: path },
  });
}
