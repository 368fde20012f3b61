import { join } from 'node:path';
import { type RunOptions, runPeer } from './run.ts';

/** OSV records of one ecosystem and the data source that trivy-db files them under. */
export interface ReferenceSource {
  /** trivy-db's name of the ecosystem, which is not always OSV's: PyPI is `pip`, crates.io is `cargo`. */
  readonly ecosystem: string;
  /** trivy-db keeps titles, descriptions and references only under ids that it knows: `govulndb`, `osv`, `ghsa`, ... */
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

/**
 * Builds `trivy.db` and `metadata.json` in `outDir` with trivy-db's own code from directories of OSV records
 * (files that end in .json, at any depth), and returns the database's path. What trivy-db cannot read it
 * reports on stderr and leaves out, which is not a failure.
 */
export async function buildReferenceDb(
  outDir: string,
  sources: readonly (ReferenceSource & { readonly dir: string })[],
  options: RunOptions = {},
): Promise<string> {
  const args = sources.flatMap(({ ecosystem, id, name, url, dir }) => [ecosystem, id, name, url, dir]);
  const { code, stderr } = await runPeer('trivydb-ref', [outDir, ...args], options);
  if (code !== 0) throw new Error(`trivydb-ref ended with ${code}: ${stderr.slice(-2000)}`);
  return join(outDir, 'trivy.db');
}
