import { canonicalPypiName } from '#versions';

const SEPARATORS = /[-_.]/;
/** Separators up to which every spelling is a key. */
const MAX_FREE = 3;
/** Separators up to which names are keys whose first separators are dots, as those of namespace packages are. */
const MAX_NAMESPACES = 10;

/**
 * The keys under which trivy may look a package of PyPI up. It takes the name as it finds it (in requirements.txt, a
 * lock file, METADATA or an SBOM) in lower case, with `-` in place of `_`; dots and runs stay. PyPI itself takes all
 * spellings for one (PEP 503). The keys are the name as the record has it, and with each separator a dash or a dot; of
 * names with many separators only those in which dots come before dashes, and of very long ones those with one of the
 * two throughout.
 */
export function pypiKeys(name: string): readonly string[] {
  if (!SEPARATORS.test(name)) return [name.toLowerCase()];
  const parts = canonicalPypiName(name).split('-');
  const written = name.toLowerCase().replaceAll('_', '-');
  return [...new Set([...spellings(parts), written])];
}

function spellings(parts: readonly string[]): string[] {
  const count = parts.length - 1;
  if (count > MAX_NAMESPACES) return [parts.join('-'), parts.join('.')];
  if (count > MAX_FREE) return parts.map((_, dots) => join(parts, (place) => place < dots));
  return Array.from({ length: 2 ** count }, (_, bits) => join(parts, (place) => (bits & (1 << place)) !== 0));
}

function join(parts: readonly string[], isDot: (place: number) => boolean): string {
  return parts.reduce((name, part, index) => name + (isDot(index - 1) ? '.' : '-') + part);
}

/** The one name of a crate for all its spellings: crates.io takes `-` and `_` for one. */
export function canonicalCrateName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** The keys of a crate: trivy takes the name as Cargo.lock has it. */
export function crateKeys(name: string): readonly string[] {
  const written = name.toLowerCase();
  return [...new Set([written, written.replaceAll('_', '-'), written.replaceAll('-', '_')])];
}

/** The keys of a package of NuGet: trivy before September 2025 takes the name as a file has it, later ones in lower case. */
export function nugetKeys(name: string): readonly string[] {
  return [...new Set([name.toLowerCase(), name])];
}

/** The one name of a Swift package, the place of its repository: those who serve them ignore case. */
export function canonicalSwiftName(name: string): string {
  return placeOf(name).toLowerCase();
}

/** The keys of a Swift package: trivy takes the place as Package.resolved has it, without `https://` and `.git`. */
export function swiftKeys(name: string): readonly string[] {
  const place = placeOf(name);
  return [...new Set([place, place.toLowerCase()])];
}

function placeOf(name: string): string {
  return name.replace(/^https:\/\//, '').replace(/\.git$/, '');
}
