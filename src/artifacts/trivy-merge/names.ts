import { ecosystems } from '../ecosystems.ts';

/** Names of root buckets that have a meaning of their own. */
export const rootNames = {
  dataSource: 'data-source',
  vulnerability: 'vulnerability',
  redHat: 'Red Hat',
  redHatCpe: 'Red Hat CPE',
} as const;

/** Buckets that trivy-db deletes before it publishes a database; Trivy does not read them. */
const BUILD_TIME: ReadonlySet<string> = new Set(['advisory-detail', 'vulnerability-detail', 'vulnerability-id']);

/** What a root bucket holds. */
export type BucketKind = 'advisories' | 'dataSource' | 'vulnerability' | 'redHat' | 'buildTime';

const KINDS: ReadonlyMap<string, BucketKind> = new Map<string, BucketKind>([
  [rootNames.dataSource, 'dataSource'],
  [rootNames.vulnerability, 'vulnerability'],
  [rootNames.redHat, 'redHat'],
  [rootNames.redHatCpe, 'redHat'],
  ...[...BUILD_TIME].map((name): [string, BucketKind] => [name, 'buildTime']),
]);

export function kindOf(root: string): BucketKind {
  return KINDS.get(root) ?? 'advisories';
}

/** Also trivy's, though this product maps no records to it. */
const TRIVY_NAMES: ReadonlySet<string> = new Set([...ecosystems.map(({ trivy }) => trivy), 'cocoapods']);

/**
 * The ecosystem of a root bucket such as `npm::GitHub Security Advisory npm`, of which Trivy reads all together;
 * undefined for others, of which it reads each by its name.
 */
export function ecosystemOfRoot(root: string): string | undefined {
  const end = root.indexOf('::');
  if (end < 0) return undefined;
  const name = root.slice(0, end);
  return TRIVY_NAMES.has(name) ? name : undefined;
}

/** A name for people. */
export function textOfName(name: Uint8Array): string {
  return Buffer.from(name).toString('utf8');
}
