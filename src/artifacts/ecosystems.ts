import {
  canonicalPypiName,
  genericGrammar,
  mavenGrammar,
  npmGrammar,
  pep440Grammar,
  type VersionGrammar,
} from '#versions';
import { crateKeys, pypiKeys } from './package-keys.ts';

/** An ecosystem that trivy.db carries. */
export interface Ecosystem {
  /** As OSV spells it. */
  readonly osv: string;
  /** As trivy spells it: the first half of a bucket's name. */
  readonly trivy: string;
  readonly grammar: VersionGrammar;
  /** One name for all spellings of a package. */
  normalise(name: string): string;
  /** The keys under which trivy may look up a package that a record spells so; where absent, the one normalised name. */
  keys?(name: string): readonly string[];
}

const lower = (name: string): string => name.toLowerCase();

const ECOSYSTEMS: readonly Ecosystem[] = [
  { osv: 'Go', trivy: 'go', grammar: genericGrammar, normalise: (name) => name },
  { osv: 'PyPI', trivy: 'pip', grammar: pep440Grammar, normalise: canonicalPypiName, keys: pypiKeys },
  { osv: 'npm', trivy: 'npm', grammar: npmGrammar, normalise: lower },
  { osv: 'Maven', trivy: 'maven', grammar: mavenGrammar, normalise: lower },
  {
    osv: 'crates.io',
    trivy: 'cargo',
    grammar: genericGrammar,
    normalise: (name) => lower(name).replaceAll('_', '-'),
    keys: crateKeys,
  },
];

const BY_NAME: ReadonlyMap<string, Ecosystem> = new Map(ECOSYSTEMS.map((each) => [lower(each.osv), each]));

/** The ecosystem that OSV's name means, whatever its case and its suffix (`Maven:https://…`); undefined for others. */
export function ecosystemOf(name: string): Ecosystem | undefined {
  const colon = name.indexOf(':');
  return BY_NAME.get(lower(colon < 0 ? name : name.slice(0, colon)));
}

/** The ecosystem that trivy spells so. */
export function ecosystemOfTrivy(name: string): Ecosystem {
  const found = ECOSYSTEMS.find(({ trivy }) => trivy === name);
  if (found === undefined) throw new RangeError(`unknown ecosystem ${name}`);
  return found;
}
