import { compareInstants, type Instant, instantFrom, type JsonValue, parseKnownJson } from '#core';

/** Severities as trivy-db numbers them. */
const NAMES: readonly string[] = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];

/** What a scope asks of a vulnerability. */
export interface Rating {
  /** The highest that any source gives, 0 where none does. */
  readonly severity: number;
  /** The later of its dates; undefined where it has none. */
  readonly changed: Instant | undefined;
}

const UNKNOWN: Rating = { severity: 0, changed: undefined };

/** What a value of the bucket `vulnerability` says. */
export function ratingOf(value: Uint8Array): Rating {
  const vulnerability = objectFrom(value);
  if (vulnerability === undefined) return UNKNOWN;
  const { Severity, VendorSeverity } = vulnerability;
  const named = typeof Severity === 'string' ? Math.max(0, NAMES.indexOf(Severity)) : 0;
  const { published, modified } = datesIn(vulnerability);
  const dates = [published, modified].filter((date) => date !== undefined);
  return {
    severity: highest([named, ...Object.values(asObject(VendorSeverity) ?? {}).map(levelOf)]),
    changed: dates.toSorted(compareInstants).at(-1),
  };
}

/** When a vulnerability was published, and changed last. */
interface Dates {
  readonly published: Instant | undefined;
  readonly modified: Instant | undefined;
}

/** The dates in a value of the bucket `vulnerability`. */
export function datesOf(value: Uint8Array): Dates {
  return datesIn(objectFrom(value) ?? {});
}

function datesIn({ PublishedDate, LastModifiedDate }: Members): Dates {
  const timeOf = (date: JsonValue | undefined) => (typeof date === 'string' ? instantFrom(date) : undefined);
  return { published: timeOf(PublishedDate), modified: timeOf(LastModifiedDate) };
}

/** The highest severity that an advisory gives itself, which Trivy prefers where there is one; 0 where it gives none. */
export function severityOfAdvisory(value: Uint8Array): number {
  const advisory = objectFrom(value);
  if (advisory === undefined) return 0;
  const entries = Array.isArray(advisory['Entries']) ? (advisory['Entries'] as readonly JsonValue[]) : [];
  return highest([advisory, ...entries].map((each) => levelOf(asObject(each)?.['Severity'])));
}

/** The ids of vulnerabilities in an advisory of Red Hat: its key is one of Red Hat's own. */
export function cvesOf(value: Uint8Array): readonly string[] {
  const entries = objectFrom(value)?.['Entries'];
  const cves = Array.isArray(entries) ? entries.flatMap((entry) => asObject(entry)?.['Cves'] ?? []) : [];
  return cves.map((cve) => asObject(cve)?.['ID']).filter((id) => typeof id === 'string');
}

function levelOf(value: JsonValue | undefined): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < NAMES.length ? value : 0;
}

/** The highest of some levels, of which a database may hold more than a call takes arguments; 0 of none. */
export function highest(levels: readonly number[]): number {
  return levels.reduce((high, level) => Math.max(high, level), 0);
}

type Members = Readonly<Record<string, JsonValue>>;

/** A thousand times as much as a value has; the values in memory are several times as large as the text. */
const MAX_VALUE_BYTES = 16 * 1024 * 1024;

/** What Trivy can read of a value, which may be less strict JSON than our own; undefined where it cannot be read. */
export function objectFrom(value: Uint8Array): Members | undefined {
  if (value.byteLength === 0 || value.byteLength > MAX_VALUE_BYTES) return undefined;
  try {
    return asObject(parseKnownJson(value));
  } catch {
    return undefined;
  }
}

function asObject(value: JsonValue | undefined): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined;
}
