import { accessSync, constants, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';

export const peerNames = [
  'crane',
  'oras',
  'regctl',
  'bbolt',
  'bbolt-ref',
  'oci-conformance',
  'trivydb-ref',
  'trivy-versions',
  'cosign3',
  'cosign26',
  'cosign25',
  'trivy',
  'trivy060',
  'osv-scanner',
  'go-tuf',
  'python-tuf',
  'docker-registry',
  'skopeo',
  'age',
  'age-keygen',
  'zstd',
  'unshare',
  'ip',
  'htpasswd',
] as const;

export type PeerName = (typeof peerNames)[number];

/** One line of pins.txt; its head says what the fields mean. */
export interface Pin {
  readonly name: string;
  readonly kind: string;
  readonly version: string;
  readonly origin: string;
  /** Empty where the line has none. */
  readonly extra: string;
}

function parsePins(text: string): Map<string, Pin> {
  const pins = new Map<string, Pin>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [name = '', kind = '', version = '', origin = '', extra = ''] = line.split(/\s+/);
    pins.set(name, { name, kind, version, origin, extra });
  }
  return pins;
}

/** What pins.txt asks for, by name. */
export const pins: ReadonlyMap<string, Pin> = parsePins(readFileSync(join(import.meta.dirname, 'pins.txt'), 'utf8'));

export function peerPin(name: PeerName): Pin {
  const pin = pins.get(name);
  if (pin === undefined) throw new RangeError(`pins.txt has no line for ${name}`);
  return pin;
}

/** The cache of test/peers/install: $EXPORT_CENTER_PEERS, else a folder of the user's cache directory. */
function cacheFolder(): string {
  const { EXPORT_CENTER_PEERS, XDG_CACHE_HOME } = process.env;
  return EXPORT_CENTER_PEERS || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'export-center-peers');
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Where a peer of the pinned version lies, or undefined. A peer that is built here is looked for in the cache
 * alone, and a build of another version counts as absent; a Debian package is also found on PATH.
 */
export function peerPath(name: PeerName): string | undefined {
  const pin = peerPin(name);
  const cached = executable(join(cacheFolder(), 'bin', name));
  if (pin.kind !== 'apt') {
    const current = cached !== undefined && basename(dirname(cached)).startsWith(`${name}-${pin.version}-`);
    return current ? cached : undefined;
  }
  if (cached !== undefined) return cached;
  const { PATH = '' } = process.env;
  for (const folder of [...PATH.split(delimiter), '/usr/sbin', '/sbin']) {
    const path = folder === '' ? undefined : executable(join(folder, name));
    if (path !== undefined) return path;
  }
  return undefined;
}

/** The path of a peer; an error that names it where it is absent. */
export function requirePeer(name: PeerName): string {
  const path = peerPath(name);
  if (path === undefined) throw new Error(absence(name));
  return path;
}

export function absence(name: PeerName): string {
  return `PEER ABSENT ${name} ${peerPin(name).version}; run test/peers/install`;
}
