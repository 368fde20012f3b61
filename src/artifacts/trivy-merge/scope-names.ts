import { compileGlob } from '#core';
import { type Ecosystem, ecosystems } from '../ecosystems.ts';
import { operatingSystems, osEcosystemOf } from '../os-ecosystems.ts';
import { ecosystemOfRoot, rootNames } from './names.ts';

/** Whose buckets have the name of another's behind theirs: `seal debian 12`. */
const SUPPLIER = /^(?:root\.io|seal|rapidfort) /;

/** Whether a root bucket is wanted. */
export type RootFilter = (root: string) => boolean;

/**
 * Compiles what a selector says of ecosystems: as OSV spells them (`PyPI`, `Alpine`, `Debian:12`), or as Trivy does
 * (`pip`, `alpine 3.20`); a name without a release wants all releases.
 */
export function compileRoots(wanted: readonly string[]): RootFilter {
  const filters = wanted.map(compileRoot);
  return (root) => {
    const subject = root.replace(SUPPLIER, '').toLowerCase();
    return filters.some((filter) => filter(subject));
  };
}

/** @returns a filter of names in lower case, without a supplier */
function compileRoot(wanted: string): RootFilter {
  const name = wanted.toLowerCase();
  const plain = name.split(':', 1)[0] as string;
  const language = ecosystems.find(({ osv, trivy }) => osv.toLowerCase() === plain || trivy === name);
  if (language !== undefined) return (root) => ecosystemOfRoot(root) === language.trivy;
  const release = osEcosystemOf(wanted)?.trivy.toLowerCase();
  if (release !== undefined) return (root) => root === release;
  const systems = operatingSystems.filter(({ osv }) => osv.toLowerCase() === name);
  // What is said of Red Hat is in two buckets that need each other, of all releases together.
  // Trivy may have a release for which trivy:db has no rows: `openSUSE:Leap Micro 5.5`.
  const asTrivy = name.replace(':', ' ');
  const starts = plain === RED_HAT ? [RED_HAT] : [name, asTrivy, ...systems.map(({ bucket }) => bucket.toLowerCase())];
  return (root) =>
    starts.some((start) => root === start || root.startsWith(`${start} `) || root.startsWith(`${start}::`));
}

/** Those of the wanted ecosystems that none of the root buckets belongs to. */
export function ecosystemsNotIn(roots: readonly string[], wanted: readonly string[]): string[] {
  return wanted.filter((name) => !roots.some(compileRoots([name])));
}

const RED_HAT = rootNames.redHat.toLowerCase();

/** Whether a package of a root bucket is wanted, by its key. */
export type PackageFilter = (root: string, name: string) => boolean;

/** Compiles what a selector says of packages: names or globs, of which each ecosystem knows one spelling. */
export function compilePackages(patterns: readonly string[]): PackageFilter {
  const plain = patterns.map(compileGlob);
  const byEcosystem = new Map(
    ecosystems.map((ecosystem): [string, readonly [Ecosystem, readonly ((name: string) => boolean)[]]] => [
      ecosystem.trivy,
      [ecosystem, patterns.map((pattern) => compileGlob(ecosystem.normalise(pattern)))],
    ]),
  );
  return (root, name) => {
    if (plain.some((matches) => matches(name))) return true;
    const [ecosystem, globs = []] = byEcosystem.get(ecosystemOfRoot(root.replace(SUPPLIER, '')) ?? '') ?? [];
    if (ecosystem === undefined) return false;
    const normal = ecosystem.normalise(name);
    return globs.some((matches) => matches(normal));
  };
}
