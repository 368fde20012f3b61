import { compareText, type Digest, hexOf } from '#core';

/** One line of the list. */
interface Checksum {
  readonly path: string;
  readonly digest: Digest;
}

/** The list that `sha256sum --check --strict` takes: hex, two spaces, path, LF; in byte order of path. */
export function encodeChecksums(files: readonly Checksum[]): string {
  const sorted = [...files].sort((a, b) => compareText(a.path, b.path));
  return sorted.map(({ path, digest }) => `${hexOf(digest)}  ${path}\n`).join('');
}
