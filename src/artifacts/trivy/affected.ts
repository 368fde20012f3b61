import { CodedError, type JsonObject } from '#core';
import type { PackageFilter } from '#evidence';
import { type Ecosystem, ecosystemOf, type Spelled, type VersionGrammar } from '../ecosystems.ts';
import { listOf, objectOf, objectsOf, textOf } from './json.ts';
import type { TrivyDbLosses } from './losses.ts';
import { endRange, isInAnyRange, readRanges, spellRange, type VersionRange } from './ranges.ts';

/** What a record says of one package. */
export interface AffectedPackage {
  readonly ecosystem: Ecosystem;
  /** Normalised. */
  readonly name: string;
  readonly vulnerable: string[];
  readonly patched: string[];
}

/** Reads the `affected` of one record after another; keeps the versions that it has met. */
export class AffectedReader {
  readonly #losses: TrivyDbLosses;
  readonly #wants: PackageFilter | undefined;
  readonly #versions = new Map<VersionGrammar, VersionCaches>();

  /** @param wants which packages are read; the others are not left out, since nobody asked for them */
  constructor(losses: TrivyDbLosses, wants?: PackageFilter) {
    this.#losses = losses;
    this.#wants = wants;
  }

  /**
   * The packages that a record affects, each once, in the order in which it names them first.
   *
   * @throws CodedError ERR_EXPORT_RANGE_INVALID for a bound that trivy could not parse; ERR_EXPORT_RECORD_INVALID for a
   *   name that no bucket can have
   */
  read(record: JsonObject): AffectedPackage[] {
    const packages = new Map<string, AffectedPackage>();
    for (const { item, index } of objectsOf(record, 'affected')) {
      const found = this.#readEntry(textOf(record, 'id'), item, `/affected/${index}`);
      if (found === undefined) continue;
      const key = `${found.ecosystem.trivy}\0${found.name}`;
      const known = packages.get(key);
      known?.vulnerable.push(...found.vulnerable);
      known?.patched.push(...found.patched);
      if (known === undefined) packages.set(key, found);
    }
    return [...packages.values()];
  }

  #readEntry(id: string, entry: JsonObject, pointer: string): AffectedPackage | undefined {
    const { ecosystem, name } = packageOf(entry);
    if (!this.#isWanted(entry)) return undefined;
    if (ecosystem === undefined || name === '') {
      this.#losses.add('affectedNotCarried', id, pointer);
      return undefined;
    }
    if (name.includes('\0') || Buffer.byteLength(name) > MAX_NAME)
      throw nameInvalid(id, name, `${pointer}/package/name`);
    const { ranges, patched } = this.#readRanges(id, entry, pointer, ecosystem);
    const listed = this.#listed(id, entry, pointer, ranges, ecosystem.grammar);
    const vulnerable = [...ranges.map(spellRange), ...listed];
    if (vulnerable.length > 0) return { ecosystem, name: ecosystem.normalise(name), vulnerable, patched };
    this.#losses.add('affectedWithoutVersions', id, pointer);
    return undefined;
  }

  #isWanted(entry: JsonObject): boolean {
    const found = objectOf(entry, 'package');
    return this.#wants?.({ ecosystem: textOf(found, 'ecosystem'), name: textOf(found, 'name') }) ?? true;
  }

  #readRanges(id: string, entry: JsonObject, pointer: string, { osv, grammar }: Ecosystem): RangesOfEntry {
    const { bounds } = this.#cachesOf(grammar);
    const ranges: VersionRange[] = [];
    const patched: string[] = [];
    for (const { item, index } of objectsOf(entry, 'ranges')) {
      if (textOf(item, 'type').toUpperCase() === 'GIT') continue;
      const read = (text: string, event: number, name: string): Spelled<unknown> =>
        bounds.get(text) ?? rangeInvalid(id, text, `${pointer}/ranges/${index}/events/${event}/${name}`, osv);
      const found = readRanges(objectsOf(item, 'events'), grammar, read);
      ranges.push(...found.vulnerable);
      patched.push(...found.patched);
    }
    const place = `${pointer}/database_specific/${LAST_KNOWN}`;
    return {
      ranges: endOpenRanges(entry, ranges, (text) => bounds.get(text) ?? rangeInvalid(id, text, place, osv)),
      patched,
    };
  }

  /** The listed versions that no range takes in. */
  #listed(
    id: string,
    entry: JsonObject,
    pointer: string,
    ranges: readonly VersionRange[],
    grammar: VersionGrammar,
  ): string[] {
    const result: string[] = [];
    const { installed } = this.#cachesOf(grammar);
    for (const [index, text] of listOf(entry, 'versions').entries()) {
      const found = typeof text === 'string' ? installed.get(text) : undefined;
      if (found === undefined) this.#losses.add('versionNotComparable', id, `${pointer}/versions/${index}`);
      else if (!isInAnyRange(grammar, ranges, found.version)) result.push(`=${found.text}`);
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

interface RangesOfEntry {
  readonly ranges: readonly VersionRange[];
  readonly patched: string[];
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
    const known = this.#known.get(text);
    if (known !== undefined || this.#known.has(text)) return known;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const found = this.#parse(text);
    this.#known.set(text, found);
    return found;
  }
}

const MAX_KNOWN = 20_000;

/** Far below what a key of bbolt's may have, far above any real name. */
const MAX_NAME = 4096;

/** GitHub's own member: how far versions are known to be affected where there is no fix. */
const LAST_KNOWN = 'last_known_affected_version_range';

function endOpenRanges(
  entry: JsonObject,
  ranges: readonly VersionRange[],
  read: (text: string) => Spelled<unknown>,
): readonly VersionRange[] {
  const text = textOf(objectOf(entry, 'database_specific'), LAST_KNOWN);
  const match = /^ *(<=?) *([^ ].*?) *$/.exec(text);
  if (match === null) return ranges;
  const bound = read(match[2] as string);
  const isOpen = (range: VersionRange): boolean => range.length === 1 && range[0]?.operator === '>=';
  return ranges.map((range) => (isOpen(range) ? endRange(range, match[1] as '<' | '<=', bound) : range));
}

function packageOf(entry: JsonObject): { ecosystem: Ecosystem | undefined; name: string } {
  const found = objectOf(entry, 'package');
  return { ecosystem: ecosystemOf(textOf(found, 'ecosystem')), name: textOf(found, 'name') };
}

function rangeInvalid(record: string, version: string, pointer: string, ecosystem: string): never {
  const shown = JSON.stringify(version.slice(0, 100));
  throw new CodedError(
    'ERR_EXPORT_RANGE_INVALID',
    `${record}: ${shown} at ${pointer} is no version that trivy can compare for ${ecosystem}`,
    {
      hint: 'correct the record, or withhold such records with --skip-invalid: trivy would ignore the whole advisory',
      details: { record, pointer, version, ecosystem },
    },
  );
}

function nameInvalid(record: string, name: string, pointer: string): CodedError {
  return new CodedError(
    'ERR_EXPORT_RECORD_INVALID',
    `${record}: ${JSON.stringify(name.slice(0, 100))} at ${pointer} cannot name a package`,
    { hint: 'correct the record, or withhold such records with --skip-invalid', details: { record, pointer } },
  );
}
