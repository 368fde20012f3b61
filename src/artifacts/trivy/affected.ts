import { CodedError, type JsonObject } from '#core';
import type { PackageFilter } from '#evidence';
import { MAX_VERSION_LENGTH, type Spelled, type VersionGrammar } from '#versions';
import { type Ecosystem, ecosystemOf } from '../ecosystems.ts';
import { adviseVersions, exceedsComparisons } from './advisory-versions.ts';
import { listOf, objectOf, objectsOf, textOf } from './json.ts';
import type { TrivyDbLoss, TrivyDbLosses } from './losses.ts';
import {
  binariesOf,
  coverageOf,
  namesSourcesOnly,
  type OsVersions,
  osKeys,
  projectRanges,
  urgencyOf,
} from './os-versions.ts';
import { type Bound, endRange, readRanges } from './ranges.ts';
import { type Comparison, isSurelyInAnyRange, type VersionRange } from './version-range.ts';

/** What a record says of one package. */
export interface AffectedPackage {
  readonly ecosystem: Ecosystem;
  /** Normalised: one for all spellings. */
  readonly name: string;
  /** The keys under which trivy may look the package up. */
  readonly keys: readonly string[];
  readonly vulnerable: readonly string[];
  readonly patched: readonly string[];
  /** In place of both, of an operating system. */
  readonly os?: OsAdvice;
}

/** What a row says of a package of an operating system. */
export interface OsAdvice extends OsVersions {
  /** The severity of the package, by number; 0 where it has none of its own. */
  readonly severity: number;
}

/** Reads the `affected` of one record after another; keeps the versions that it has met. */
export class AffectedReader {
  readonly #losses: TrivyDbLosses;
  readonly #wants: PackageFilter | undefined;
  /** What the record under way loses: it counts once the whole record is read. */
  readonly #lost: { readonly reason: TrivyDbLoss; readonly pointer: string }[] = [];
  readonly #versions = new Map<VersionGrammar, VersionCaches>();

  /** @param wants which packages are read; the others are not left out, since nobody asked for them */
  constructor(losses: TrivyDbLosses, wants?: PackageFilter) {
    this.#losses = losses;
    this.#wants = wants;
  }

  /**
   * The packages that a record affects, each once, in the order in which it names them first.
   *
   * @throws CodedError ERR_EXPORT_RANGE_INVALID for a bound that trivy could not parse
   */
  read(record: JsonObject): AffectedPackage[] {
    const id = textOf(record, 'id');
    this.#lost.length = 0;
    const packages = new Map<string, PackageStatements>();
    for (const { item, index } of objectsOf(record, 'affected')) {
      for (const found of this.#readEntry(record, item, `/affected/${index}`)) {
        const key = `${found.ecosystem.trivy}\0${found.name}`;
        const known = packages.get(key);
        if (known === undefined) packages.set(key, found);
        else addAll(known, found);
      }
    }
    const advised = [...packages.values()].map((statements) => this.#advise(statements));
    for (const { reason, pointer } of this.#lost) this.#losses.add(reason, id, pointer);
    const found = advised.filter((each) => each !== undefined);
    return [...found, ...found.flatMap((each) => this.#inCounterpart(each, packages))];
  }

  /** The same package of the counterpart of its release, if the record does not name it there. */
  #inCounterpart(found: AffectedPackage, packages: ReadonlyMap<string, PackageStatements>): readonly AffectedPackage[] {
    const { name, os } = found;
    const { counterpart } = found.ecosystem;
    if (counterpart === undefined || (os?.fixed === undefined && !counterpart.sharesUnfixed)) return [];
    const ecosystem = ecosystemOf(counterpart.osv);
    if (ecosystem === undefined || packages.has(`${ecosystem.trivy}\0${name}`)) return [];
    return (this.#wants?.({ ecosystem: counterpart.osv, name }) ?? true) ? [{ ...found, ecosystem }] : [];
  }

  #advise(statements: PackageStatements): AffectedPackage | undefined {
    const { ecosystem, name, keys, ranges, fixes, pointer, severity } = statements;
    const common = { ecosystem, name, keys: [...keys] };
    if (ecosystem.os === undefined) {
      if (exceedsComparisons(statements)) this.#lost.push({ reason: 'fixesNotShown', pointer: '/affected' });
      return { ...common, ...adviseVersions(ecosystem.grammar, { ranges, fixes }) };
    }
    const { versions, losses } = projectRanges(ranges, ecosystem.grammar, ecosystem.os);
    for (const reason of losses) this.#lost.push({ reason, pointer });
    return versions && { ...common, vulnerable: [], patched: [], os: { ...versions, severity } };
  }

  #readEntry(record: JsonObject, entry: JsonObject, pointer: string): readonly PackageStatements[] {
    const { ecosystem, name } = packageOf(entry);
    if (!this.#isWanted(entry)) return [];
    if (ecosystem === undefined || !canBeKey(name)) {
      this.#lost.push({ reason: isRedHat(entry) ? 'redHatNotCarried' : 'affectedNotCarried', pointer });
      return [];
    }
    const read = this.#readRanges(textOf(record, 'id'), entry, pointer, ecosystem);
    if (ecosystem.os !== undefined) return this.#readOsEntry(record, entry, pointer, { ...read, ecosystem });
    const all = read.ranges.concat(this.#listed(entry, pointer, read.ranges, ecosystem.grammar));
    if (all.length > 0) {
      const normalised = ecosystem.normalise(name);
      const keys = new Set(ecosystem.keys?.(name) ?? [normalised]);
      return [{ ecosystem, name: normalised, keys, ranges: all, fixes: read.fixes, pointer, severity: 0 }];
    }
    this.#lost.push({ reason: 'affectedWithoutVersions', pointer });
    return [];
  }

  #readOsEntry(record: JsonObject, entry: JsonObject, pointer: string, read: OsEntry): readonly PackageStatements[] {
    const { ecosystem } = read;
    const os = ecosystem.os as NonNullable<Ecosystem['os']>;
    this.#leaveListed(entry, pointer, read.ranges, ecosystem);
    if (read.ranges.length === 0) {
      if (listOf(entry, 'versions').length === 0) this.#lost.push({ reason: 'affectedWithoutVersions', pointer });
      return [];
    }
    const severity = urgencyOf(os, entry);
    const found: PackageStatements[] = [];
    for (const { name, ranges, fixes } of this.#installedOf(record, entry, pointer, read)) {
      const keys = osKeys(os, name, fixes, textOf(record, 'summary'));
      const [first] = keys;
      if (first !== undefined) {
        found.push({ ecosystem, name: first, keys: new Set(keys), ranges, fixes, pointer, severity });
      }
    }
    if (found.length === 0) this.#lost.push({ reason: 'moduleNotCarried', pointer });
    return found;
  }

  /** The packages of an entry as trivy looks them up: where it names installed ones, those with versions of their own. */
  #installedOf(record: JsonObject, entry: JsonObject, pointer: string, read: OsEntry): readonly NamedStatements[] {
    const { ecosystem, ranges, fixes } = read;
    const os = ecosystem.os as NonNullable<Ecosystem['os']>;
    const id = textOf(record, 'id');
    const binaries = binariesOf(os, entry).filter(([name]) => canBeKey(name));
    if (binaries.length === 0) {
      if (namesSourcesOnly(os, id)) this.#lost.push({ reason: 'binariesNotNamed', pointer });
      return [{ name: packageOf(entry).name, ranges: [...ranges], fixes: [...fixes] }];
    }
    return binaries.map(([name, version]): NamedStatements => {
      if (fixes.length === 0) return { name, ranges: [...ranges], fixes: [] };
      const place = `${pointer}/ecosystem_specific/binaries`;
      const { near } = this.#readBound(version, place, ecosystem.grammar) ?? rangeInvalid(id, version, place, os.osv);
      return { name, ranges: [[{ operator: '<', bound: near }]], fixes: [near] };
    });
  }

  /** Names the listed versions that the ranges of an entry do not make trivy report. */
  #leaveListed(entry: JsonObject, pointer: string, ranges: readonly VersionRange[], { grammar, os }: Ecosystem): void {
    const versions = listOf(entry, 'versions');
    if (os === undefined || versions.length === 0) return;
    const row = ranges.length === 0 ? undefined : projectRanges(ranges, grammar, os).versions;
    const isCovered = row && coverageOf(grammar, row);
    const { installed } = this.#cachesOf(grammar);
    for (const [index, text] of versions.entries()) {
      const bound = typeof text === 'string' ? installed.get(text) : undefined;
      if (bound !== undefined && isCovered?.(bound.version)) continue;
      const reason = bound === undefined ? 'versionNotComparable' : 'versionsNotCarried';
      this.#lost.push({ reason, pointer: `${pointer}/versions/${index}` });
    }
  }

  #isWanted(entry: JsonObject): boolean {
    const found = objectOf(entry, 'package');
    return this.#wants?.({ ecosystem: textOf(found, 'ecosystem'), name: textOf(found, 'name') }) ?? true;
  }

  #readRanges(id: string, entry: JsonObject, pointer: string, ecosystem: Ecosystem): EntryStatements {
    const ranges: VersionRange[] = [];
    const fixes: Spelled<unknown>[] = [];
    for (const { item, index } of objectsOf(entry, 'ranges')) {
      if (textOf(item, 'type').toUpperCase() === 'GIT') continue;
      const found = readRanges(objectsOf(item, 'events'), ecosystem.grammar, (text, event, name) => {
        const place = `${pointer}/ranges/${index}/events/${event}/${name}`;
        return this.#readBound(text, place, ecosystem.grammar) ?? rangeInvalid(id, text, place, ecosystem.osv);
      });
      for (const range of found.vulnerable) ranges.push(range);
      for (const fix of found.fixes) fixes.push(fix);
    }
    return { ranges: this.#endOpenRanges(entry, pointer, ranges, ecosystem.grammar), fixes };
  }

  #readBound(text: string, pointer: string, grammar: VersionGrammar): Bound | undefined {
    const { bounds } = this.#cachesOf(grammar);
    const near = bounds.get(text);
    if (near !== undefined) return { near };
    const nearest = grammar.nearest(text);
    if (nearest === undefined) return undefined;
    this.#lost.push({ reason: 'boundWidened', pointer });
    return { near: nearest.near, nearest };
  }

  /** Ends the ranges that have no end where GitHub knows how far versions are affected. */
  #endOpenRanges(entry: JsonObject, pointer: string, ranges: VersionRange[], grammar: VersionGrammar): VersionRange[] {
    const text = textOf(objectOf(entry, 'database_specific'), LAST_KNOWN);
    const known = readLastKnown(text);
    if (known === undefined) return ranges;
    const place = `${pointer}/database_specific/${LAST_KNOWN}`;
    const bound = this.#readBound(known.version, place, grammar);
    if (bound === undefined) {
      this.#lost.push({ reason: 'boundWidened', pointer: place });
      return ranges;
    }
    const end: Comparison = bound.nearest?.to ?? { operator: known.operator, bound: bound.near };
    return ranges.map((range) => endRange(range, end, grammar));
  }

  /** The listed versions that no range takes in. */
  #listed(
    entry: JsonObject,
    pointer: string,
    ranges: readonly VersionRange[],
    grammar: VersionGrammar,
  ): VersionRange[] {
    const result: VersionRange[] = [];
    const { installed } = this.#cachesOf(grammar);
    const versions = listOf(entry, 'versions');
    // They may be written beside a range that takes them in: it is only longer.
    const known = versions.length * ranges.length > MAX_COMPARISONS ? [] : ranges;
    for (const [index, text] of versions.entries()) {
      const bound = typeof text === 'string' ? installed.get(text) : undefined;
      if (bound === undefined) {
        this.#lost.push({ reason: 'versionNotComparable', pointer: `${pointer}/versions/${index}` });
      } else if (!isSurelyInAnyRange(grammar, known, bound.version)) {
        result.push([{ operator: '=', bound }]);
      }
    }
    return result;
  }

  #cachesOf(grammar: VersionGrammar): VersionCaches {
    const known = this.#versions.get(grammar);
    if (known !== undefined) return known;
    const fresh = {
      bounds: new VersionCache((text) => grammar.bound(text)),
      installed: new VersionCache((text) => grammar.installed(text)),
    };
    this.#versions.set(grammar, fresh);
    return fresh;
  }
}

interface EntryStatements {
  readonly ranges: VersionRange[];
  readonly fixes: Spelled<unknown>[];
}

interface OsEntry extends EntryStatements {
  readonly ecosystem: Ecosystem;
}

interface NamedStatements extends EntryStatements {
  readonly name: string;
}

/** What a record says of a package, in the order in which it does. */
interface PackageStatements extends EntryStatements {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly keys: Set<string>;
  /** The first entry that names the package. */
  readonly pointer: string;
  severity: number;
}

function addAll(to: PackageStatements, { keys, ranges, fixes, severity }: PackageStatements): void {
  to.severity = Math.max(to.severity, severity);
  for (const key of keys) to.keys.add(key);
  for (const range of ranges) to.ranges.push(range);
  for (const fix of fixes) to.fixes.push(fix);
}

interface VersionCaches {
  readonly bounds: VersionCache;
  readonly installed: VersionCache;
}

/** Versions as parsed: the same few stand in record after record. */
class VersionCache {
  readonly #parse: (text: string) => Spelled<unknown> | undefined;
  readonly #known = new Map<string, Spelled<unknown> | undefined>();

  constructor(parse: (text: string) => Spelled<unknown> | undefined) {
    this.#parse = parse;
  }

  get(text: string): Spelled<unknown> | undefined {
    if (text.length > MAX_VERSION_LENGTH) return undefined;
    const known = this.#known.get(text);
    if (known !== undefined || this.#known.has(text)) return known;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const found = this.#parse(text);
    this.#known.set(text, found);
    return found;
  }
}

const MAX_KNOWN = 20_000;

/** A package may take so many comparisons of listed versions with ranges; published records need a hundredth of it. */
const MAX_COMPARISONS = 200_000;

/** Far below what a key of bbolt's may have, far above any real name; in bytes. */
const MAX_NAME = 4096;

/** Whether a database can hold a package of this name: NUL separates the names of nested buckets. */
function canBeKey(name: string): boolean {
  return name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= MAX_NAME;
}

/** GitHub's own member: how far versions are known to be affected where there is no fix. */
const LAST_KNOWN = 'last_known_affected_version_range';

/** `<= 1.2.3` or `< 1.2.3`; undefined for any other form. */
function readLastKnown(text: string): { operator: '<' | '<='; version: string } | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith('<')) return undefined;
  const operator = trimmed.startsWith('<=') ? '<=' : '<';
  const version = trimmed.slice(operator.length).trim();
  return version === '' ? undefined : { operator, version };
}

function packageOf(entry: JsonObject): { ecosystem: Ecosystem | undefined; name: string } {
  const found = objectOf(entry, 'package');
  return { ecosystem: ecosystemOf(textOf(found, 'ecosystem')), name: textOf(found, 'name') };
}

function isRedHat(entry: JsonObject): boolean {
  return /^red hat(?::|$)/i.test(textOf(objectOf(entry, 'package'), 'ecosystem'));
}

function rangeInvalid(record: string, version: string, pointer: string, ecosystem: string): never {
  const shown = JSON.stringify(version.slice(0, 100));
  throw new CodedError(
    'ERR_EXPORT_RANGE_INVALID',
    `${record}: ${shown} at ${pointer} is not a version that Trivy can compare for ${ecosystem}`,
    {
      hint: 'correct the record: trivy would ignore the whole advisory',
      details: { record, pointer, version, ecosystem },
    },
  );
}
