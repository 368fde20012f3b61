import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { runPeer } from '../../peers/peers.ts';
import type { Installed } from './languages.ts';
import type { OsvRecord } from './records.ts';

interface Scan {
  readonly results: readonly {
    readonly packages: readonly {
      readonly package: Installed;
      readonly vulnerabilities: readonly { readonly id: string }[];
    }[];
  }[];
}

/** The type of a purl, for the ecosystems that osv-scanner reads in an SBOM: not Bitnami, Kubernetes and Julia. */
const purlTypes: Readonly<Record<string, string>> = {
  Go: 'golang',
  PyPI: 'pypi',
  npm: 'npm',
  Maven: 'maven',
  'crates.io': 'cargo',
  RubyGems: 'gem',
  Packagist: 'composer',
  NuGet: 'nuget',
  Pub: 'pub',
  Hex: 'hex',
};

export function isKnownToOsvScanner(ecosystem: string): boolean {
  return purlTypes[ecosystem] !== undefined;
}

/** A finding of osv-scanner: a package in the scanner's own spelling, and the id of a record. */
export interface OsvFinding extends Installed {
  readonly id: string;
}

/** What osv-scanner finds, offline, with nothing but these records. */
export async function scanWithOsvScanner(
  ecosystem: string,
  records: readonly OsvRecord[],
  installed: readonly Installed[],
): Promise<OsvFinding[]> {
  const dir = await makeTempDir();
  const database = join(dir, 'db/osv-scalibr', ecosystem);
  await mkdir(database, { recursive: true });
  await mkdir(join(dir, 'records'));
  for (const record of records)
    await writeFile(join(dir, 'records', `${record.id}.json`), JSON.stringify(terse(record)));
  execFileSync('python3', ['-m', 'zipfile', '-c', join(database, 'all.zip'), join(dir, 'records/')]);
  const components = installed.map(({ name, version }, i) => {
    const purl = `pkg:${purlTypes[ecosystem]}/${name.replace(':', '/')}@${encodeURIComponent(version)}`;
    return { type: 'library', name, version, purl, 'bom-ref': String(i) };
  });
  const bom = join(dir, 'bom.cdx.json');
  await writeFile(bom, JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, components }));
  const report = join(dir, 'report.json');
  const args = ['scan', 'source', '--offline-vulnerabilities', '-L', bom, '--format', 'json', '--output-file', report];
  const env = { OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY: join(dir, 'db') };
  const { code, stderr } = await runPeer('osv-scanner', args, { env });
  // 1 says that there are findings.
  if (code !== 1) throw new Error(`osv-scanner ended with ${code}: ${stderr.slice(-2000)}`);
  const { results } = readJson(await readFile(report, 'utf8')) as unknown as Scan;
  return results.flatMap(({ packages }) =>
    packages.flatMap(({ package: { name, version }, vulnerabilities }) =>
      vulnerabilities.map(({ id }) => ({ name, version, id })),
    ),
  );
}

/** What decides over a match: it repeats a record in each of its findings. */
function terse({ id, withdrawn, affected = [] }: OsvRecord): object {
  return { id, modified: '2026-01-01T00:00:00Z', ...(withdrawn === undefined ? {} : { withdrawn }), affected };
}
