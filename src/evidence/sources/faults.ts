import { CodedError, isCoded, isSystemError } from '#core';

const REASONS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOENT: ['there is no such file or folder', 'check the path'],
  EACCES: ['permission denied', 'make it readable for this user'],
  EPERM: ['permission denied', 'make it readable for this user'],
  ELOOP: ['it is, or leads over, a symbolic link', 'name the file itself'],
  ENOTDIR: ['a part of the path is not a folder', 'check the path'],
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
  return new CodedError('ERR_EXPORT_SOURCE_UNREADABLE', `${path}: its name is no UTF-8`, {
    hint: 'rename it, or pack the records into an archive under other names',
    details: { source: path },
    cause,
  });
}
