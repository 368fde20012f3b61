import { compileGlob } from '#core';
import { type Ecosystem, ecosystemOf, ecosystems } from '../ecosystems.ts';
import { ecosystemOfRoot } from './names.ts';

/** How the buckets of an operating system begin whose packages OSV has under this name, in lower case. */
const SYSTEMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['almalinux', ['alma']],
  ['alpine', ['alpine']],
  ['azure linux', ['azure linux', 'cbl-mariner']],
  ['chainguard', ['chainguard']],
  ['debian', ['debian']],
  ['echo', ['echo']],
  ['minimos', ['minimos']],
  ['opensuse', ['opensuse']],
  ['photon os', ['photon os']],
  ['red hat', ['red hat']],
  ['rocky linux', ['rocky']],
  ['suse', ['suse linux enterprise']],
  ['ubuntu', ['ubuntu']],
  ['wolfi', ['wolfi']],
]);

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
  const language = ecosystemOf(wanted) ?? ecosystems.find(({ trivy }) => trivy === wanted.toLowerCase());
  if (language !== undefined) return (root) => ecosystemOfRoot(root) === language.trivy;
  const colon = wanted.indexOf(':');
  const [name, release] = colon < 0 ? [wanted, ''] : [wanted.slice(0, colon), wanted.slice(colon + 1)];
  const systems = SYSTEMS.get(name.toLowerCase());
  // What is said of Red Hat is in two buckets that need each other, of all releases together.
  if (systems === undefined || release === '' || name === 'Red Hat') {
    const starts = systems ?? [wanted.toLowerCase()];
    return (root) =>
      starts.some((start) => root === start || root.startsWith(`${start} `) || root.startsWith(`${start}::`));
  }
  const roots = systems.map((system) => `${system} ${releaseOf(name, release)}`);
  return (root) => roots.includes(root);
}

/** A release as Trivy spells it: OSV has `v3.20`, `24.04:LTS`, `Pro:18.04:LTS`. */
function releaseOf(name: string, release: string): string {
  const text = release.toLowerCase();
  if (name !== 'Ubuntu') return text.replace(/^v(?=\d)/, '').replaceAll(':', ' ');
  const number = /\d{1,4}\.\d{1,4}/.exec(text)?.[0] ?? text;
  return text.startsWith('pro:') ? `${number}-esm` : number;
}

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
