import { CodedError, compareText, type Digest, hexOf, parseDigest } from '#core';

/** The name of the list in a bundle. It does not list itself. */
export const checksumsPath = 'checksums.txt';

/** One line of the list. */
export interface Checksum {
  readonly path: string;
  readonly digest: Digest;
}

/** The list that `sha256sum --check --strict` takes: hex, two spaces, path, LF; in byte order of path. */
export function encodeChecksums(files: readonly Checksum[]): string {
  const sorted = [...files].sort((a, b) => compareText(a.path, b.path));
  return sorted.map(({ path, digest }) => `${hexOf(digest)}  ${path}\n`).join('');
}

const LINE = /^([0-9a-f]{64}) {2}([^\n\\]+)$/;

/**
 * The list that encodeChecksums wrote, and no other form of it.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH
 */
export function parseChecksums(text: string): Checksum[] {
  if (text !== '' && !text.endsWith('\n')) throw damaged('the last line is cut off');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    const match = LINE.exec(line);
    if (match === null) throw damaged(`line ${i + 1} is no checksum`);
    return { digest: parseDigest(`sha256:${match[1]}`), path: match[2] as string };
  });
}

function damaged(what: string): CodedError {
  return new CodedError('ERR_EXPORT_CONTENT_MISMATCH', `${checksumsPath}: ${what}`, {
    hint: 'pull the bundle again; if it stays so, it was not written by Export Center',
  });
}
