import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TrivyDbOptions } from '#artifacts';
import type { JsonObject, JsonValue } from '#core';
import { readJson } from '../../core/read-json.ts';
import { runPeer } from '../../peers/peers.ts';
import { buildOf } from './fixture.ts';

/** What trivy reports of an installed package. */
export interface StockFinding {
  /** `name version`. */
  readonly installed: string;
  readonly id: string;
  readonly vendorIds: readonly string[];
  readonly severity: string;
  /** Versions that fix it, as trivy shows them. */
  readonly fixed: string;
  readonly source: string;
  /** Whose severity it is. */
  readonly rated: string;
  readonly custom?: JsonValue;
}

/** What is scanned: an SBOM with these packages (`ecosystem/name@version` of a purl), or files of a project. */
export type Inventory = readonly string[] | Readonly<Record<string, string>>;

interface Reported {
  readonly PkgName: string;
  readonly InstalledVersion: string;
  readonly VulnerabilityID: string;
  readonly VendorIDs?: readonly string[];
  readonly Severity: string;
  readonly FixedVersion?: string;
  readonly DataSource?: { readonly ID: string };
  readonly SeveritySource?: string;
  readonly Custom?: JsonValue;
}

/** Builds a database of OSV objects, and lets trivy scan with it, without any network. */
export async function scanWithStockTrivy(
  records: readonly JsonObject[],
  inventory: Inventory,
  command: 'fs' | 'rootfs' = 'fs',
  options: Partial<TrivyDbOptions> = {},
): Promise<StockFinding[]> {
  const { members } = await buildOf(records, options);
  const files = Object.fromEntries(members.map(({ header, bytes }) => [header.name, bytes]));
  return await scanWithDatabase(files, inventory, command);
}

/** The files of a database by their names: `trivy.db` and `metadata.json`. */
export type DatabaseFiles = Readonly<Record<string, Uint8Array>>;

/** Lets trivy scan with a database, without any network. */
export async function scanWithDatabase(
  database: DatabaseFiles,
  inventory: Inventory,
  command: 'fs' | 'rootfs' = 'fs',
): Promise<StockFinding[]> {
  const stdout = await scan(database, inventory, command, ['-f', 'json']);
  const { Results = [] } = readJson(stdout) as unknown as { Results?: { Vulnerabilities?: Reported[] }[] };
  return Results.flatMap(({ Vulnerabilities = [] }) => Vulnerabilities.map(findingOf));
}

/** The same of each finding in one line: `name`, `version` and `id`, which is all that a hundred thousand can say. */
export async function listWithDatabase(database: DatabaseFiles, inventory: Inventory): Promise<string[]> {
  const each = '{{ .PkgName }} {{ .InstalledVersion }} {{ .VulnerabilityID }}\n';
  const template = `{{ range . }}{{ range .Vulnerabilities }}${each}{{ end }}{{ end }}`;
  const stdout = await scan(database, inventory, 'fs', ['-f', 'template', '-t', template]);
  return stdout.split('\n').filter((line) => line !== '');
}

async function scan(
  database: DatabaseFiles,
  inventory: Inventory,
  command: string,
  format: readonly string[],
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stock-trivy-'));
  try {
    for (const [name, bytes] of Object.entries(database)) await write(join(folder, 'cache/db', name), bytes);
    const [mode, target] = await writeInventory(join(folder, 'target'), inventory, command);
    const args = [...argumentsOf(mode, join(folder, 'cache')), ...format, target];
    const { code, stdout, stderr } = await runPeer('trivy', args);
    if (code !== 0) throw new Error(`trivy exited with ${code}: ${stderr.slice(-2000)}`);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function argumentsOf(mode: string, cache: string): string[] {
  const offline = ['--skip-db-update', '--skip-java-db-update', '--offline-scan', '--skip-version-check'];
  return [mode, '--cache-dir', cache, ...offline, '--disable-telemetry', '--scanners', 'vuln', '-q'];
}

function findingOf(found: Reported): StockFinding {
  return {
    installed: `${found.PkgName} ${found.InstalledVersion}`,
    id: found.VulnerabilityID,
    vendorIds: found.VendorIDs ?? [],
    severity: found.Severity,
    fixed: found.FixedVersion ?? '',
    source: found.DataSource?.ID ?? '',
    rated: found.SeveritySource ?? '',
    ...(found.Custom === undefined ? {} : { custom: found.Custom }),
  };
}

async function writeInventory(folder: string, inventory: Inventory, command: string): Promise<[string, string]> {
  if (Array.isArray(inventory)) {
    const sbom = join(folder, 'bom.cdx.json');
    await write(sbom, JSON.stringify(sbomOf(inventory as readonly string[])));
    return ['sbom', sbom];
  }
  for (const [path, text] of Object.entries(inventory)) await write(join(folder, path), text);
  return [command, folder];
}

function sbomOf(packages: readonly string[]): object {
  const components = packages.map((each) => {
    const at = each.lastIndexOf('@');
    const [path, version] = [each.slice(0, at), each.slice(at + 1)].map(decodeURIComponent) as [string, string];
    const name = path.slice(path.indexOf('/') + 1);
    return { type: 'library', 'bom-ref': each, name, version, purl: `pkg:${each}` };
  });
  return { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components };
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
