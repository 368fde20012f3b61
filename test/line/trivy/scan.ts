import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { registryConfig, requirePeer, runWithoutRoute } from '../../peers/peers.ts';
import { cliMain } from '../cli.ts';
import { type Finding, findingsTemplate, readFindings } from './findings.ts';

/** The peers of {@link scanWithoutRoute}. */
export const scanPeers = ['trivy', 'trivydb-ref', 'oras', 'docker-registry', 'unshare', 'ip'] as const;

/** A database by what makes it: an export of ours, or the folder that the reference builder left. */
export interface Database {
  readonly name: string;
  readonly sources?: readonly string[];
  readonly reference?: string;
  /** A file that is not there while this database is made. */
  readonly without?: string;
}

const layerType = 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip';
const registryPort = 5000;
const servePort = 5001;

/**
 * Pushes each database into a docker-registry and scans the lock files in `dir/app` with it, all where no packet can
 * leave; ours are exported there by the command line, signed, and into `serve` as well, from which trivy must get the
 * same file.
 */
export async function scanWithoutRoute(
  dir: string,
  databases: readonly Database[],
): Promise<ReadonlyMap<string, readonly Finding[]>> {
  await writeFile(join(dir, 'findings.tpl'), findingsTemplate);
  await writeFile(join(dir, 'registry.json'), JSON.stringify(registryConfig(dir, `127.0.0.1:${registryPort}`)));
  const env = { NODE: process.execPath, MAIN: cliMain, ORAS: requirePeer('oras'), TRIVY: requirePeer('trivy') };
  const argv = [requirePeer('docker-registry'), 'serve', join(dir, 'registry.json')] as const;
  const options = { cwd: dir, env, server: { argv, port: registryPort }, timeoutMs: 540_000 };
  const script = [preparation, ...databases.map(scanLines)].join('\n');
  const { code, stderr } = await runWithoutRoute(['bash', '-euc', script], options);
  if (code !== 0) throw new Error(`the scans ended with ${code}:\n${stderr.slice(-4000)}`);
  const found = databases.map(async ({ name }) => [name, await readFindings(join(dir, `${name}.txt`))] as const);
  return new Map(await Promise.all(found));
}

const quiet = '--quiet --no-progress --skip-version-check --disable-telemetry';

const preparation = `
ours() { "$NODE" "$MAIN" "$@" >&2; }
ours keys generate --out keys
ours serve --data served --listen 127.0.0.1:${servePort} &
until (exec 3<>/dev/tcp/127.0.0.1/${servePort}) 2>/dev/null; do sleep 0.05; done
scan() { "$TRIVY" fs ${quiet} --cache-dir "cache-$1" --db-repository "127.0.0.1:${registryPort}/$1:2" \\
  --scanners vuln --offline-scan --format template --template @findings.tpl --output "$1.txt" app; }
`;

function scanLines({ name, sources = [], reference, without }: Database): string {
  const aside = without === undefined ? [] : [`mv '${without}' aside.json`];
  const back = without === undefined ? [] : [`mv aside.json '${without}'`];
  const make = reference === undefined ? exportLines(name, sources) : pushLines(name, reference);
  return [...aside, ...make, ...back, `scan ${name}`].join('\n');
}

function exportLines(name: string, sources: readonly string[]): string[] {
  const from = sources.map((source) => `--source '${source}'`).join(' ');
  const served = `127.0.0.1:${servePort}/${name}:2`;
  return [
    `ours export --profile trivy:db ${from} --key keys/cosign.key --to 127.0.0.1:${registryPort}/${name}:2 --to ${served}`,
    `ours verify ${served} --key keys/cosign.pub`,
    `"$TRIVY" image ${quiet} --download-db-only --cache-dir cache-${name} --db-repository ${served}`,
    `mv cache-${name}/db/trivy.db ${name}.db`,
    `rm -r cache-${name}`,
    `"$TRIVY" image ${quiet} --download-db-only --cache-dir cache-${name} --db-repository 127.0.0.1:${registryPort}/${name}:2`,
    `cmp ${name}.db cache-${name}/db/trivy.db`,
  ];
}

function pushLines(name: string, reference: string): string[] {
  return [
    `tar -czf db.tar.gz -C '${reference}' trivy.db metadata.json`,
    `"$ORAS" push --plain-http 127.0.0.1:${registryPort}/${name}:2 db.tar.gz:${layerType} >&2`,
  ];
}
