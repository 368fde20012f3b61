import { join, relative } from 'node:path';

/** What the lines to paste speak of. */
export interface QuickstartPlace {
  readonly cwd: string;
  readonly data: string;
  readonly app: string;
  /** The bundle of records, by tag. */
  readonly records: string;
  /** The Trivy database, by tag. */
  readonly database: string;
}

/**
 * Lines for stock tools that work as they stand in another terminal. Trivy gets a cache of its own, so that the
 * user's database is never touched; cosign gets the empty trusted root, so that it asks nobody.
 */
export function linesToPaste({ cwd, data, app, records, database }: QuickstartPlace): string[] {
  const path = (...parts: string[]) => quote(relative(cwd, join(...parts)) || '.');
  const pulled = path(data, 'pulled');
  const trust = `--key ${path(data, 'trust', 'cosign.pub')} --insecure-ignore-tlog --trusted-root ${path(data, 'trust', 'trusted_root.json')}`;
  const trivy = '--scanners vuln --offline-scan --skip-version-check --disable-telemetry --no-progress';
  return [
    `cd ${quote(cwd)}`,
    `oras pull --plain-http ${records} --output ${pulled} && (cd ${pulled} && sha256sum --check --strict --quiet checksums.txt)`,
    `trivy fs --cache-dir ${path(data, 'trivy-cache')} --db-repository ${database} ${trivy} ${path(app)}`,
    `cosign verify ${trust} ${records}`,
    `cosign verify ${trust} ${database}`,
    `cosign verify-attestation --type slsaprovenance1 ${trust} ${database}`,
  ];
}

/** A word as a POSIX shell takes it. */
function quote(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
