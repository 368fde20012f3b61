import { readFileSync } from 'node:fs';
import { parseKnownJson } from '#core';

/** The package's version. It is shown to people and written to provenance; no bundle byte depends on it. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url));
  return (parseKnownJson(text) as { version: string }).version;
}
