import { type OpenDatabase, withDatabases } from '#export';
import { openPlace, parseDatabase, referencesOf } from '../export.ts';
import type { Io } from '../io.ts';
import { openOptions, type TransportOptions } from '../options.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';

/** What the help of commands says of a place. */
export const DATABASE = 'HOST/REPO:TAG, HOST/REPO@DIGEST, oci:DIR:NAME, or a trivy.db or db.tar.gz[@sha256:…]';

/**
 * Runs `use` on databases that are on this machine then, in the order in which they were named.
 *
 * @param use is given the progress line, to clear it before it writes
 */
export async function withNamedDatabases<T>(
  io: Io,
  texts: readonly string[],
  options: TransportOptions & { readonly quiet?: boolean },
  use: (databases: readonly OpenDatabase[], progress: ProgressLine) => Promise<T>,
): Promise<T> {
  const named = texts.map(parseDatabase);
  const progress = createProgressLine(io, options.quiet ?? false);
  const opening = await openOptions(io, referencesOf(...named), options, progress);
  const places = [];
  try {
    for (const database of named) places.push(await openPlace(database, opening, undefined));
    const watched = { signal: io.signal, onProgress: progress.listen };
    return await withDatabases(
      places.map(({ place }) => place),
      watched,
      (databases) => use(databases, progress),
    );
  } finally {
    progress.clear();
    for (const place of places) await place.close();
  }
}
