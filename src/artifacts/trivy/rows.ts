import type { JsonObject } from '#core';
import { idsOfAdvisory } from '#evidence';
import { encodeKey, type SortedItem, type Sorter } from '#sort';
import type { AdvisoryVersions } from './advisory-versions.ts';
import type { AffectedPackage, OsAdvice } from './affected.ts';
import type { DataSource } from './data-sources.ts';
import { type Decorations, decorationsOf } from './decorations.ts';
import { type GoValue, goJson, textOf, textsOf } from './json.ts';
import { encodeVulnerability, RecordDetail } from './vulnerability.ts';

/** Buckets at the root of every trivy.db. */
export const rootBuckets = { vulnerability: 'vulnerability', dataSource: 'data-source' } as const;

/** Stands between the parts of a row's key: it is in no name, and less than any byte of one. */
export const SEPARATOR = '\0';

/** The key of a row, from the names of the buckets that lead to it and its own. */
function rowKey(...names: readonly string[]): string {
  return encodeKey(names.join(SEPARATOR));
}

/** What a record says of a package, and whom it has it from. */
export interface SourcedPackage {
  readonly affected: AffectedPackage;
  readonly source: DataSource;
  /** Whom the package's root bucket names. */
  readonly bucketSource: DataSource;
}

/** Turns records into rows of a database. */
export class RowMaker {
  readonly #rows: Sorter;
  readonly #advisories: Sorter;
  readonly #buckets = new Set<string>();

  /** @param advisories where what records say of packages goes, for uniteAdvisories */
  constructor(rows: Sorter, advisories: Sorter) {
    this.#rows = rows;
    this.#advisories = advisories;
  }

  /**
   * Adds what a record comes to: for each key of a package and each id an advisory; for each id and source what the
   * source says of the vulnerability.
   *
   * @param packages what the record affects; not empty
   * @param recordBytes the size of the record, by which its rows are limited
   * @returns pointers to what is left out: aliases that could be no key, and decorations; `too large` where nothing was
   *   added, since the rows would take too much
   */
  add(record: JsonObject, packages: readonly SourcedPackage[], recordBytes: number): readonly string[] | 'too large' {
    const { decorations, unusable: unusableDecorations } = decorationsOf(record);
    const room = new RowRoom(recordBytes);
    let unusable = 0;
    const [advisories, vulnerabilities]: [AdvisoryRows[], KeyedValue[]] = [[], []];
    for (const alike of ofOneKind(packages)) {
      const named = idsOf(record, alike[0]?.affected.ecosystem.os !== undefined);
      unusable = named.unusable;
      const told = { ids: named.ids, vendorIds: named.vendorIds, decorations, record: textOf(record, 'id') };
      const rows = advisoryRows(alike, told, room);
      const details = rows && vulnerabilityRows(record, alike, named.ids, room);
      if (rows === undefined || details === undefined) return 'too large';
      for (const row of rows) advisories.push(row);
      for (const row of details) vulnerabilities.push(row);
    }
    for (const { affected, bucketSource } of packages) this.#addSource(affected, bucketSource);
    for (const { keys, value } of advisories) for (const key of keys) this.#advisories.add(key, value);
    for (const { key, value } of vulnerabilities) this.#rows.add(key, value);
    const aliases = Array.from({ length: unusable }, () => '/aliases');
    return [...aliases, ...unusableDecorations.map((name) => `/database_specific/${name}`)];
  }

  /** The first time that a bucket of advisories is needed: a row that says whose they are. */
  #addSource(affected: AffectedPackage, source: DataSource): void {
    const bucket = affected.ecosystem.os === undefined ? bucketOf(affected, source) : affected.ecosystem.trivy;
    if (this.#buckets.has(bucket)) return;
    this.#buckets.add(bucket);
    const { id, name, url } = source;
    this.#rows.add(rowKey(rootBuckets.dataSource, bucket), goJson({ ID: id, Name: name, URL: url }));
  }
}

/** Room for the rows of one record, in characters; published records need a quarter of it. */
const [FIRST_ROOM, ROOM_PER_BYTE, MAX_ROOM] = [64 * 1024, 128, 64 * 1024 * 1024];
/** What a row costs beyond its key and value, at least. */
const ROW_COST = 64;

/** How much the rows of a record may still take: a record of a few kilobytes can have millions of rows. */
class RowRoom {
  #left: number;

  constructor(recordBytes: number) {
    this.#left = Math.min(FIRST_ROOM + ROOM_PER_BYTE * recordBytes, MAX_ROOM);
  }

  /** Takes the room of so many rows with keys and values of this size; false where they do not fit. */
  take(rows: number, size: number): boolean {
    this.#left -= rows * (size + ROW_COST);
    return this.#left >= 0;
  }
}

/** Packages of languages, and of operating systems, whose ids are chosen in another way. */
function ofOneKind(packages: readonly SourcedPackage[]): readonly (readonly SourcedPackage[])[] {
  const isOfSystem = ({ affected }: SourcedPackage): boolean => affected.ecosystem.os !== undefined;
  const count = packages.reduce((sum, each) => sum + Number(isOfSystem(each)), 0);
  if (count === 0 || count === packages.length) return [packages];
  return [packages.filter((each) => !isOfSystem(each)), packages.filter(isOfSystem)];
}

/**
 * The root bucket of an ecosystem's advisories from one source. Operating systems have one for all sources, which is the
 * part before the source's name.
 */
function bucketOf({ ecosystem }: AffectedPackage, { name }: DataSource): string {
  return `${ecosystem.trivy}::${name}`;
}

/** What a record says of each of its packages alike. */
interface Told {
  readonly record: string;
  readonly ids: readonly string[];
  readonly vendorIds: readonly string[];
  readonly decorations: Decorations | undefined;
}

interface AdvisoryRows {
  readonly keys: readonly string[];
  readonly value: string;
}

interface KeyedValue {
  readonly key: string;
  readonly value: string;
}

/** For each package its value, and the keys under which it stands; undefined where there is no room for all. */
function advisoryRows(
  packages: readonly SourcedPackage[],
  { record, ids, vendorIds, decorations }: Told,
  room: RowRoom,
): readonly AdvisoryRows[] | undefined {
  const rows: { keys: string[]; value: string }[] = [];
  for (const { affected, source } of packages) {
    const bucket = bucketOf(affected, source);
    const value = bucket + SEPARATOR + record + SEPARATOR + encode(affected, vendorIds, decorations);
    const keySize = affected.keys.reduce((longest, key) => Math.max(longest, key.length), 0);
    if (!room.take(affected.keys.length * ids.length, value.length + keySize)) return undefined;
    const { trivy } = affected.ecosystem;
    const keys: string[] = [];
    for (const key of affected.keys) for (const id of ids) keys.push(rowKey(trivy, key, id));
    rows.push({ keys, value });
  }
  return rows;
}

/** For each source and id what the source says of the vulnerability; undefined where there is no room for all. */
function vulnerabilityRows(
  record: JsonObject,
  packages: readonly SourcedPackage[],
  ids: readonly string[],
  room: RowRoom,
): readonly KeyedValue[] | undefined {
  const rows: { key: string; value: string }[] = [];
  const own = textOf(record, 'id');
  const detail = new RecordDetail(record);
  for (const source of new Set(packages.map((each) => each.source.id))) {
    // Two values at most: all ids that are not the record's own have the same.
    const encode = (id: string): string => own + SEPARATOR + encodeVulnerability(detail.vulnerability(id, source));
    let shared: string | undefined;
    for (const id of ids) {
      if (id !== own) shared ??= encode(id);
      const value = id === own ? encode(id) : (shared as string);
      if (!room.take(1, value.length)) return undefined;
      rows.push({ key: rowKey(rootBuckets.vulnerability, id, source), value });
    }
  }
  return rows;
}

/** What a record says of a package, on its way to uniteAdvisories, as the value of a row: the parts with a NUL between. */
export class AdvisoryRow {
  readonly #value: Buffer;
  readonly #bucketEnd: number;
  readonly #recordEnd: number;

  constructor(value: Buffer) {
    this.#value = value;
    this.#bucketEnd = value.indexOf(0);
    this.#recordEnd = value.indexOf(0, this.#bucketEnd + 1);
  }

  /** Characters of the row. */
  get length(): number {
    return this.#value.toString('utf8').length;
  }

  /** The root bucket of the record's source, encoded as keys are. */
  get bucket(): string {
    return this.#value.toString('latin1', 0, this.#bucketEnd);
  }

  get record(): string {
    return this.#value.toString('utf8', this.#bucketEnd + 1, this.#recordEnd);
  }

  /** As trivy.db holds it. */
  get advisory(): Buffer {
    return this.#value.subarray(this.#recordEnd + 1);
  }

  /** The same row in memory of its own. */
  copy(): AdvisoryRow {
    return new AdvisoryRow(Buffer.from(this.#value));
  }
}

/** What a row of the bucket `vulnerability` says of the vulnerability, as a value of trivy.db. */
export function vulnerabilityOfRow({ value }: SortedItem): Uint8Array {
  return value.subarray(value.indexOf(0) + 1);
}

/** The record that a row of the bucket `vulnerability` was made of. */
export function recordOfRow({ value }: SortedItem): string {
  return value.toString('utf8', 0, value.indexOf(0));
}

interface RecordIds {
  readonly ids: readonly string[];
  readonly vendorIds: readonly string[];
  /** How many aliases are left out, since they begin as a CVE id and could be no key. */
  readonly unusable: number;
}

/**
 * The ids under which trivy shows a record, and those that it shows beside them: CVE ids where there are any, all of
 * them, else the record's own. Errata of operating systems may name the vulnerabilities that they fix as `related` only;
 * where they name no CVE, ids of GitHub come before their own.
 */
function idsOf(record: JsonObject, isOfSystem: boolean): RecordIds {
  const own = textOf(record, 'id');
  const named = idsOfAdvisory(record).slice(1);
  const hasCve = isCve(own) || named.some(isCve);
  const related = isOfSystem && !hasCve ? textsOf(record, 'related').filter(isCve) : [];
  const others = related.length === 0 ? named : [...new Set([...named, ...related])];
  const ids: string[] = [];
  const vendorIds: string[] = [];
  let unusable = 0;
  for (const id of others) {
    if (!isCve(id)) vendorIds.push(id);
    else if (CVE_ID.test(id)) ids.push(id);
    else unusable++;
  }
  if (!isCve(own)) vendorIds.push(own);
  else ids.push(own);
  if (ids.length > 0) return { ids, vendorIds, unusable };
  const fallback = isOfSystem ? vendorIds.filter((id) => id.startsWith('GHSA-') && CVE_ID.test(id)) : [];
  const shown = fallback.length > 0 ? fallback : [own];
  return { ids: shown, vendorIds: vendorIds.filter((id) => !shown.includes(id)), unusable };
}

/** Whether an erratum of an operating system says which vulnerabilities it fixes. */
export function namesVulnerability(record: JsonObject): boolean {
  const isPublic = (id: string): boolean => isCve(id) || id.startsWith('GHSA-');
  return idsOfAdvisory(record).some(isPublic) || textsOf(record, 'related').some(isPublic);
}

function isCve(id: string): boolean {
  return id.startsWith('CVE-');
}

/** No tighter than what can be a key: who numbers vulnerabilities may change the form. */
const CVE_ID = /^[!-~]{5,256}$/;

/** What trivy.db holds of a package under an id: versions of one kind or of the other. */
export interface Advisory {
  readonly AffectedVersion?: string;
  readonly Custom?: Decorations;
  readonly FixedVersion?: string;
  readonly PatchedVersions?: readonly string[];
  readonly Severity?: number;
  readonly VendorIDs?: readonly string[];
  readonly VulnerableVersions?: readonly string[];
}

function encode(affected: AffectedPackage, ids: readonly string[], decorations: Decorations | undefined): string {
  if (affected.os === undefined) return encodeAdvisory(affected, ids, decorations);
  return encodeOsAdvisory(affected.os, ids, decorations);
}

/** An advisory of an operating system, written likewise. */
export function encodeOsAdvisory(
  { introduced, fixed, severity }: OsAdvice,
  vendorIds: readonly string[],
  decorations: Decorations | undefined,
): string {
  return goJson({
    AffectedVersion: introduced,
    Custom: decorations as GoValue | undefined,
    FixedVersion: fixed,
    Severity: severity === 0 ? undefined : severity,
    VendorIDs: vendorIds.length > 0 ? vendorIds : undefined,
  });
}

/** An advisory as trivy-db writes it: it decodes its own struct into a map first, so members are in byte order. */
export function encodeAdvisory(
  { patched, vulnerable }: AdvisoryVersions,
  vendorIds: readonly string[],
  decorations: Decorations | undefined,
): string {
  return goJson({
    Custom: decorations as GoValue | undefined,
    PatchedVersions: patched.length > 0 ? patched : undefined,
    VendorIDs: vendorIds.length > 0 ? vendorIds : undefined,
    VulnerableVersions: vulnerable.length > 0 ? vulnerable : undefined,
  });
}
