import type { OsvAffected, OsvRecord } from './records.ts';

/** Versions of packages that a scan is to find installed, by the package's name. */
export type Probes = ReadonlyMap<string, readonly string[]>;

/** The versions that lie at a bound of a range and next to it, on both sides. */
export type Neighbours = (bound: string) => readonly string[];

/** What to choose versions from, and how many. */
export interface ProbePlan {
  readonly ecosystem: string;
  readonly neighbours: Neighbours;
  /** Of a package's versions at most so many, spread over all of them. */
  readonly most: number;
  /** Ids of records of whose versions none is left out. */
  readonly whole?: readonly string[];
}

/**
 * What is worth asking of each package in an ecosystem: every bound of every range, its neighbours, and of the listed
 * versions the first, the last and those that are no plain release. In order of version text, each once.
 */
export function probesOf(records: readonly OsvRecord[], plan: ProbePlan): Probes {
  const spread = collect(records, plan);
  const whole = collect(
    records.filter(({ id }) => plan.whole?.includes(id)),
    plan,
  );
  const names = [...spread.keys()].sort();
  return new Map(
    names.map((name) => {
      const some = spreadOver([...(spread.get(name) ?? [])].sort(), plan.most);
      return [name, [...new Set([...some, ...(whole.get(name) ?? [])])].sort()];
    }),
  );
}

function collect(records: readonly OsvRecord[], { ecosystem, neighbours }: ProbePlan): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const affected of records.flatMap((record) => record.affected ?? [])) {
    if (affected.package?.ecosystem !== ecosystem) continue;
    const { name } = affected.package;
    const versions = found.get(name) ?? new Set<string>();
    for (const version of versionsIn(affected, neighbours)) versions.add(version);
    found.set(name, versions);
  }
  return found;
}

function versionsIn({ ranges = [], versions = [] }: OsvAffected, neighbours: Neighbours): string[] {
  const events = ranges.filter(({ type }) => type !== 'GIT').flatMap((range) => range.events);
  const bounds = events.flatMap(({ introduced, fixed, last_affected: last }) => [introduced, fixed, last]);
  const special = versions.filter((version) => /[a-z]/i.test(version));
  const listed = [versions[0], versions.at(-1), ...special];
  const around = bounds.flatMap((bound) => (bound === undefined || bound === '0' ? [] : [bound, ...neighbours(bound)]));
  return [...around, ...listed].filter((version) => version !== undefined);
}

function spreadOver(versions: readonly string[], most: number): readonly string[] {
  if (versions.length <= most) return versions;
  return Array.from({ length: most }, (_, i) => versions[Math.floor((i * versions.length) / most)] as string);
}

/** One version of each package at a time, for files that hold no more: as many as the richest package needs. */
export function rounds(probes: Probes): ReadonlyMap<string, string>[] {
  const most = Math.max(0, ...[...probes.values()].map((versions) => versions.length));
  return Array.from({ length: most }, (_, round) => {
    const installed = new Map<string, string>();
    for (const [name, versions] of probes) {
      const version = versions[round];
      if (version !== undefined) installed.set(name, version);
    }
    return installed;
  });
}

/** Below a release comes its first pre-release and the patch before; above it the next patch. */
export function semverNeighbours(bound: string): readonly string[] {
  const match = /^(\d+)\.(\d+)\.(\d+)(-.+)?$/.exec(bound);
  if (match === null) return [];
  const [, major, minor, patch, preRelease] = match;
  const at = (number: number): string => `${major}.${minor}.${number}`;
  const next = [at(Number(patch) + 1)];
  if (preRelease !== undefined) return [`${at(Number(patch))}-0`, at(Number(patch)), ...next];
  return [`${bound}-0`, ...(Number(patch) > 0 ? [at(Number(patch) - 1)] : []), ...next];
}

/** Below a release come its development release and its pre-release; above it its post-release and what follows. */
export function pythonNeighbours(bound: string): readonly string[] {
  const match = /^(\d+(?:\.\d+)*?)\.?(\d+)$/.exec(bound);
  const before = match !== null && Number(match[2]) > 0 ? [`${match[1]}.${Number(match[2]) - 1}`] : [];
  return [`${bound}.dev0`, `${bound}rc1`, ...before, `${bound}.post1`, `${bound}.1`];
}

/** Below a release come its snapshot, its candidate and the number before; above it what has one number more. */
export function mavenNeighbours(bound: string): readonly string[] {
  const match = /^((?:\d+\.)*)(\d+)(.*)$/.exec(bound);
  const before = match !== null && Number(match[2]) > 0 ? [`${match[1]}${Number(match[2]) - 1}${match[3]}`] : [];
  return [`${bound}-SNAPSHOT`, `${bound}-rc1`, ...before, `${bound}.1`];
}
