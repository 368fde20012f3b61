import {
  bitnamiGrammar,
  canonicalPypiName,
  gemGrammar,
  genericGrammar,
  mavenGrammar,
  npmGrammar,
  pep440Grammar,
  type VersionGrammar,
} from '#versions';
import {
  type Counterpart,
  isOperatingSystem,
  type OsTraits,
  osEcosystemOf,
  osEcosystemOfBucket,
} from './os-ecosystems.ts';
import { canonicalCrateName, canonicalSwiftName, crateKeys, nugetKeys, pypiKeys, swiftKeys } from './package-keys.ts';

/** An ecosystem that trivy.db carries: one of a language, or a release of an operating system. */
export interface Ecosystem {
  /** As OSV spells it, without a release. */
  readonly osv: string;
  /** As trivy spells it: the first half of a bucket's name; of an operating system the whole name. */
  readonly trivy: string;
  /** As GitHub spells it; absent where GitHub reviews no advisories for it. */
  readonly github?: string;
  readonly grammar: VersionGrammar;
  /** Of operating systems only. */
  readonly os?: OsTraits;
  /** Of some releases of an operating system. */
  readonly counterpart?: Counterpart | undefined;
  /** One name for all spellings of a package. */
  normalise(name: string): string;
  /** The keys under which trivy may look up a package that a record spells so; where absent, the one normalised name. */
  keys?(name: string): readonly string[];
}

const lower = (name: string): string => name.toLowerCase();
const asItIs = (name: string): string => name;

/** The ecosystems of languages, each in one entry; docs/formats/trivy-ecosystems.md shows the same as a table. */
export const ecosystems: readonly Ecosystem[] = [
  { osv: 'Go', trivy: 'go', github: 'Go', grammar: genericGrammar, normalise: asItIs },
  {
    osv: 'PyPI',
    trivy: 'pip',
    github: 'pip',
    grammar: pep440Grammar,
    normalise: canonicalPypiName,
    keys: pypiKeys,
  },
  { osv: 'npm', trivy: 'npm', github: 'npm', grammar: npmGrammar, normalise: lower },
  { osv: 'Maven', trivy: 'maven', github: 'Maven', grammar: mavenGrammar, normalise: lower },
  {
    osv: 'crates.io',
    trivy: 'cargo',
    github: 'Rust',
    grammar: genericGrammar,
    normalise: canonicalCrateName,
    keys: crateKeys,
  },
  { osv: 'RubyGems', trivy: 'rubygems', github: 'RubyGems', grammar: gemGrammar, normalise: lower },
  { osv: 'Packagist', trivy: 'composer', github: 'Composer', grammar: genericGrammar, normalise: lower },
  { osv: 'NuGet', trivy: 'nuget', github: 'NuGet', grammar: genericGrammar, normalise: lower, keys: nugetKeys },
  { osv: 'Pub', trivy: 'pub', github: 'Pub', grammar: genericGrammar, normalise: lower },
  { osv: 'Hex', trivy: 'erlang', github: 'Erlang', grammar: genericGrammar, normalise: lower },
  {
    osv: 'SwiftURL',
    trivy: 'swift',
    github: 'Swift',
    grammar: genericGrammar,
    normalise: canonicalSwiftName,
    keys: swiftKeys,
  },
  { osv: 'Julia', trivy: 'julia', grammar: genericGrammar, normalise: asItIs },
  { osv: 'Bitnami', trivy: 'bitnami', grammar: bitnamiGrammar, normalise: lower },
  { osv: 'Kubernetes', trivy: 'k8s', grammar: genericGrammar, normalise: lower },
  { osv: 'ConanCenter', trivy: 'conan', grammar: genericGrammar, normalise: lower },
];

const BY_NAME: ReadonlyMap<string, Ecosystem> = new Map(ecosystems.map((each) => [lower(each.osv), each]));

const BY_TRIVY: ReadonlyMap<string, Ecosystem> = new Map(ecosystems.map((each) => [each.trivy, each]));

/**
 * The ecosystem that OSV's name means, whatever its case and its suffix (`Maven:https://…`), which is the release of an
 * operating system (`Debian:12`); undefined for others.
 */
export function ecosystemOf(name: string): Ecosystem | undefined {
  const colon = name.indexOf(':');
  return BY_NAME.get(lower(colon < 0 ? name : name.slice(0, colon))) ?? osEcosystemOf(name);
}

/** Whether OSV's name means any ecosystem, or an operating system without its release. */
export function isEcosystem(name: string): boolean {
  return ecosystemOf(name) !== undefined || isOperatingSystem(name);
}

/** Whether OSV's name means an ecosystem; `Debian` means each of its releases. */
export function meansEcosystem(name: string, ecosystem: Ecosystem): boolean {
  if (ecosystem.os === undefined) return ecosystemOf(name) === ecosystem;
  return lower(name) === lower(ecosystem.osv) || ecosystemOf(name)?.trivy === ecosystem.trivy;
}

/** The ecosystem that trivy spells so. */
export function ecosystemOfTrivy(name: string): Ecosystem {
  const found = BY_TRIVY.get(name) ?? osEcosystemOfBucket(name);
  if (found === undefined) throw new RangeError(`unknown ecosystem ${name}`);
  return found;
}
