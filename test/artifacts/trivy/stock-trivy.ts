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

/**
 * What is scanned: an SBOM with these packages (`ecosystem/name@version` of a purl), one with those of an operating
 * system, or files of a project.
 */
export type Inventory = readonly string[] | SystemInventory | Readonly<Record<string, string>>;

/** Packages of an operating system, as trivy names it. */
export class SystemInventory {
  readonly family: string;
  readonly release: string;
  readonly packages: readonly string[];

  constructor(family: string, release: string, packages: readonly string[]) {
    this.family = family;
    this.release = release;
    this.packages = packages;
  }
}

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

/** The versions of trivy that must read our databases: the newest, and the oldest that we promise. */
export const trivies = ['trivy', 'trivy060'] as const;
type Trivy = (typeof trivies)[number];

/** What keeps each from asking its maker for a newer version; the older one never asks. */
export const silence: Readonly<Record<Trivy, readonly string[]>> = {
  trivy: ['--skip-version-check', '--disable-telemetry'],
  trivy060: [],
};

/** Lets trivy scan with a database, without any network. */
export async function scanWithDatabase(
  database: DatabaseFiles,
  inventory: Inventory,
  command: 'fs' | 'rootfs' = 'fs',
  trivy: Trivy = 'trivy',
): Promise<StockFinding[]> {
  return findingsIn(await scan(database, inventory, { command, trivy, format: ['-f', 'json'] }));
}

/** What a report says, as `-f json` writes it. */
export function findingsIn(report: string): StockFinding[] {
  const { Results = [] } = readJson(report) as unknown as { Results?: { Vulnerabilities?: Reported[] }[] };
  return Results.flatMap(({ Vulnerabilities = [] }) => Vulnerabilities.map(findingOf));
}

/** The same of each finding in one line: `name`, `version` and `id`, which is all that a hundred thousand can say. */
export async function listWithDatabase(database: DatabaseFiles, inventory: Inventory): Promise<string[]> {
  const each = '{{ .PkgName }} {{ .InstalledVersion }} {{ .VulnerabilityID }}\n';
  const template = `{{ range . }}{{ range .Vulnerabilities }}${each}{{ end }}{{ end }}`;
  const format = ['-f', 'template', '-t', template];
  const stdout = await scan(database, inventory, { command: 'fs', trivy: 'trivy', format });
  return stdout.split('\n').filter((line) => line !== '');
}

interface ScanOptions {
  readonly command: 'fs' | 'rootfs';
  readonly trivy: Trivy;
  readonly format: readonly string[];
}

async function scan(database: DatabaseFiles, inventory: Inventory, options: ScanOptions): Promise<string> {
  const { command, trivy, format } = options;
  const folder = await mkdtemp(join(tmpdir(), 'stock-trivy-'));
  try {
    for (const [name, bytes] of Object.entries(database)) await write(join(folder, 'cache/db', name), bytes);
    const [mode, target] = await writeInventory(join(folder, 'target'), inventory, command);
    const args = [...argumentsOf(mode, join(folder, 'cache'), trivy), ...format, target];
    const { code, stdout, stderr } = await runPeer(trivy, args);
    if (code !== 0) throw new Error(`${trivy} exited with ${code}: ${stderr.slice(-2000)}`);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function argumentsOf(mode: string, cache: string, trivy: Trivy): string[] {
  const offline = ['--skip-db-update', '--skip-java-db-update', '--offline-scan', ...silence[trivy]];
  return [mode, '--cache-dir', cache, ...offline, '--scanners', 'vuln', '-q'];
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
  const isOfSystem = inventory instanceof SystemInventory;
  if (Array.isArray(inventory) || isOfSystem) {
    const sbom = join(folder, 'bom.cdx.json');
    const packages = isOfSystem ? inventory.packages : (inventory as readonly string[]);
    await write(sbom, JSON.stringify(sbomOf(packages, isOfSystem ? [systemOf(inventory)] : [])));
    return ['sbom', sbom];
  }
  for (const [path, text] of Object.entries(inventory as Readonly<Record<string, string>>))
    await write(join(folder, path), text);
  return [command, folder];
}

function systemOf({ family, release }: SystemInventory): object {
  return { type: 'operating-system', 'bom-ref': 'os', name: family, version: release };
}

function sbomOf(packages: readonly string[], others: readonly object[]): object {
  const components = packages.map((each) => {
    const [own = ''] = each.split('?', 1);
    const at = own.lastIndexOf('@');
    const [path, version] = [own.slice(0, at), own.slice(at + 1)].map(decodeURIComponent) as [string, string];
    // The distribution does not belong to the name of an operating system's package.
    const name = path.slice((others.length > 0 ? path.lastIndexOf('/') : path.indexOf('/')) + 1);
    return { type: 'library', 'bom-ref': each, name, version, purl: `pkg:${each}` };
  });
  return { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [...others, ...components] };
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
