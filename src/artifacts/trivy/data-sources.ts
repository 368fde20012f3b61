import { CodedError, compareText } from '#core';
import { type Ecosystem, ecosystems, isEcosystem, meansEcosystem } from '../ecosystems.ts';
import { operatingSystems } from '../os-ecosystems.ts';

/** Who published an advisory, as trivy shows it under a finding. */
export interface DataSource {
  /** Decides whose severity trivy shows; trivy-db's own id where it has one. */
  readonly id: string;
  /** Also the second half of a bucket's name: `go::The Go Vulnerability Database`. */
  readonly name: string;
  readonly url: string;
}

/** Says which records come from a data source. */
export interface DataSourceRule extends DataSource {
  /** What the record's id begins with; empty for every record. */
  readonly prefix: string;
  /** As OSV spells it; without it the rule is for every ecosystem. */
  readonly ecosystem?: string | undefined;
}

const DEFAULTS: readonly DataSourceRule[] = [
  { prefix: 'GO-', id: 'govulndb', name: 'The Go Vulnerability Database', url: 'https://pkg.go.dev/vuln/' },
  {
    prefix: 'PYSEC-',
    id: 'osv',
    name: 'Python Packaging Advisory Database',
    url: 'https://github.com/pypa/advisory-database',
  },
  { prefix: 'RUSTSEC-', id: 'osv', name: 'RustSec Advisory Database', url: 'https://github.com/RustSec/advisory-db' },
  {
    prefix: 'BIT-',
    id: 'bitnami',
    name: 'Bitnami Vulnerability Database',
    url: 'https://github.com/bitnami/vulndb',
  },
  {
    prefix: 'JLSEC-',
    id: 'julia',
    name: 'Julia Ecosystem Security Advisories',
    url: 'https://github.com/JuliaLang/SecurityAdvisories.jl',
  },
  {
    prefix: 'CVE-',
    ecosystem: 'Kubernetes',
    id: 'k8s',
    name: 'Official Kubernetes CVE Feed',
    url: 'https://kubernetes.io/docs/reference/issues-security/official-cve-feed/index.json',
  },
  ...ecosystems.flatMap(({ osv, github }) => (github === undefined ? [] : [githubRule(osv, github)])),
  { prefix: '', id: 'osv', name: 'Open Source Vulnerabilities', url: 'https://osv.dev/' },
];

function githubRule(ecosystem: string, name: string): DataSourceRule {
  const url = `https://github.com/advisories?query=type%3Areviewed+ecosystem%3A${name.toLowerCase()}`;
  return { prefix: 'GHSA-', ecosystem, id: 'ghsa', name: `GitHub Security Advisory ${name}`, url };
}

/**
 * Finds the data source of a record: of the caller's rules that fit, the one with the longest prefix, and of those the
 * one for the ecosystem; else the default. The order of the rules does not matter.
 */
export class DataSources {
  /** The caller's. */
  readonly #own: readonly DataSourceRule[];
  /** Those, then the defaults of languages. */
  readonly #rules: readonly DataSourceRule[];
  readonly #precedence: readonly string[];

  /**
   * @param precedence ids of data sources, the one that takes precedence first; those that it does not name share the
   *   last place
   * @throws CodedError ERR_EXPORT_USAGE for a rule that trivy.db could not hold, for rules at odds, and for an id that
   *   is named twice
   */
  constructor(rules: readonly DataSourceRule[] = [], precedence: readonly string[] = []) {
    for (const [i, rule] of rules.entries()) {
      checkRule(rule);
      checkAgainst(rule, rules.slice(0, i));
    }
    const isReplaced = ({ prefix }: DataSourceRule): boolean =>
      rules.some((rule) => rule.ecosystem === undefined && prefix.startsWith(rule.prefix));
    const defaults = DEFAULTS.filter((rule) => !isReplaced(rule));
    for (const rule of rules) checkNames(rule, [...defaults, ...OF_SYSTEMS]);
    const ecosystems = (rule: DataSourceRule): number => (rule.ecosystem === undefined ? 1 : 0);
    const sorted = rules.toSorted((a, b) => b.prefix.length - a.prefix.length || ecosystems(a) - ecosystems(b));
    this.#own = sorted;
    this.#rules = [...sorted, ...defaults];
    this.#precedence = precedence;
    const repeated = precedence.find((id, i) => precedence.indexOf(id) < i);
    if (repeated !== undefined) throw misplaced(repeated, 'named twice in the precedence');
  }

  /**
   * Makes sure that the precedence names ids of data sources: one that is misspelt would change nothing.
   *
   * @param ofBase ids of a database into which advisories are merged
   * @throws CodedError ERR_EXPORT_USAGE
   */
  assertKnown(ofBase: readonly string[] = []): void {
    const known = new Set([...this.#rules, ...OF_SYSTEMS].map(({ id }) => id).concat(ofBase));
    const unknown = this.#precedence.find((id) => !known.has(id));
    if (unknown !== undefined) throw misplaced(unknown, 'not the id of a data source');
  }

  /** The place of a root bucket's source in the order of precedence, from 0. */
  rankOfBucket(bucket: string): number {
    const name = bucket.slice(bucket.indexOf('::') + 2);
    const found = this.#rules.find((rule) => rule.name === name) ?? OF_SYSTEMS.find((rule) => rule.name === name);
    return this.#rankOf(found?.id ?? '');
  }

  /** Orders ids of data sources by precedence, then as trivy-db asks them, then in byte order. */
  compare(a: string, b: string): number {
    return this.#rankOf(a) - this.#rankOf(b) || compareSources(a, b);
  }

  #rankOf(id: string): number {
    const place = this.#precedence.indexOf(id);
    return place < 0 ? this.#precedence.length : place;
  }

  /** Whom the root bucket of an ecosystem names: of an operating system, whose bucket all sources share, one for all. */
  ofBucket(ecosystem: Ecosystem, source: DataSource): DataSource {
    return ecosystem.os === undefined ? source : this.of('', ecosystem);
  }

  of(recordId: string, ecosystem: Ecosystem): DataSource {
    const fits = (rule: DataSourceRule): boolean =>
      recordId.startsWith(rule.prefix) && (rule.ecosystem === undefined || meansEcosystem(rule.ecosystem, ecosystem));
    if (ecosystem.os !== undefined) return this.#own.find(fits) ?? ecosystem.os.source;
    // The last rule fits everything: the last default, or what replaced it.
    return this.#rules.find(fits) as DataSourceRule;
  }
}

/** Operating systems have a data source each, whatever the ids of its records. */
const OF_SYSTEMS: readonly DataSourceRule[] = operatingSystems.map(({ osv, source }) => ({
  ...source,
  prefix: '',
  ecosystem: osv,
}));

function checkAgainst(rule: DataSourceRule, others: readonly DataSourceRule[]): void {
  if (others.some((other) => other.prefix === rule.prefix && other.ecosystem === rule.ecosystem)) {
    throw refused(rule, `another data source already has the prefix ${JSON.stringify(rule.prefix)}`);
  }
  checkNames(rule, others);
}

/** Sources of one name would share a bucket, of which trivy.db can say only once whose it is. */
function checkNames(rule: DataSourceRule, others: readonly DataSourceRule[]): void {
  if (others.some((other) => other.name === rule.name && (other.id !== rule.id || other.url !== rule.url))) {
    throw refused(rule, 'another data source has the same name, and another id or URL');
  }
}

function checkRule(rule: DataSourceRule): void {
  if (!/^[a-z][a-z0-9._-]{0,63}$/.test(rule.id))
    throw refused(rule, `not a valid data source id: ${JSON.stringify(rule.id)}`);
  if (!/^\P{Cc}{1,200}$/u.test(rule.name)) throw refused(rule, 'the name is empty, too long or has control characters');
  if (!URL.canParse(rule.url)) throw refused(rule, `not a valid URL: ${JSON.stringify(rule.url)}`);
  if (rule.ecosystem !== undefined && !isEcosystem(rule.ecosystem)) {
    throw refused(rule, `trivy:db does not support the ecosystem ${JSON.stringify(rule.ecosystem)}`);
  }
}

function misplaced(id: string, what: string): CodedError {
  return new CodedError('ERR_EXPORT_USAGE', `${JSON.stringify(id)}: ${what}`, {
    hint: 'name ids of data sources, each once, such as acme,ghsa; define your own with --data-source',
    details: { id },
  });
}

function refused(rule: DataSourceRule, what: string): CodedError {
  return new CodedError('ERR_EXPORT_USAGE', `data source ${JSON.stringify(rule.name)}: ${what}`, {
    hint: 'give each data source a unique id such as acme, a unique name and a URL',
    details: { id: rule.id, name: rule.name, prefix: rule.prefix },
  });
}

/**
 * The order in which trivy-db asks data sources for a title, a description, weaknesses and a severity: the first that
 * has one is taken.
 */
const KNOWN: readonly string[] = [
  'nvd',
  'redhat',
  'redhat-oval',
  'debian',
  'ubuntu',
  'alpine',
  'amazon',
  'oracle-oval',
  'suse-cvrf',
  'photon',
  'arch-linux',
  'alma',
  'rocky',
  'cbl-mariner',
  'azure',
  'ruby-advisory-db',
  'php-security-advisories',
  'nodejs-security-wg',
  'ghsa',
  'glad',
  'aqua',
  'osv',
  'k8s',
  'wolfi',
  'chainguard',
  'bitnami',
  'govulndb',
  'julia',
  'bottlerocket',
  'echo',
  'minimos',
  'rootio',
  'rapidfort',
];

/** Orders ids of data sources as trivy-db asks them; those that it does not know come last, in byte order. */
function compareSources(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || compareText(a, b);
}

function rankOf(id: string): number {
  const rank = KNOWN.indexOf(id);
  return rank < 0 ? KNOWN.length : rank;
}
