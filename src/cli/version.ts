import { readFileSync } from 'node:fs';

/** The package's version. It is shown to people and written to provenance; no bundle byte depends on it. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  // A whole reader of JSON takes longer to load than the answer is worth.
  const version = /^ {2}"version": "([^"\\]+)"/m.exec(text)?.[1];
  if (version === undefined) throw new TypeError('package.json names no version');
  return version;
}
