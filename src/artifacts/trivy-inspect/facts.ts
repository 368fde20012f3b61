import type { JsonValue } from '#core';
import { highest, objectFrom } from '../trivy-merge.ts';

/** What of an advisory decides what Trivy reports. */
export interface AdvisoryFacts {
  /** Versions that fix it, as Trivy shows them. */
  readonly fixed: string;
  /** Ranges that are vulnerable, where it has any. */
  readonly affected: string;
  readonly status: number;
  /** Its own, which Trivy prefers to that of the vulnerability, the highest of several; 0 where it has none. */
  readonly severity: number;
}

const NAMES: readonly string[] = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];

type Members = Readonly<Record<string, JsonValue>>;

/** The facts in the value of an advisory; those of Rocky Linux, Oracle and Red Hat are in its entries. */
export function factsOf(value: Uint8Array): AdvisoryFacts {
  const advisory = objectFrom(value) ?? {};
  const entries = listOf(advisory['Entries']).map(asObject);
  const cves = entries.flatMap((each) => listOf(each['Cves']).map(asObject));
  const all = [advisory, ...entries];
  const patched = all.flatMap((each) => textsOf(each['PatchedVersions']));
  const fixed = [...patched, ...all.flatMap((each) => textsOf([each['FixedVersion'] ?? '']))];
  const affected = [
    ...all.flatMap((each) => textsOf(each['VulnerableVersions'])),
    ...all.flatMap((each) => textsOf(each['UnaffectedVersions'])).map((range) => `not ${range}`),
    ...all.flatMap((each) => textsOf([each['AffectedVersion'] ?? ''])),
    ...entries.flatMap((each) => {
      const products = [...listOf(each['Affected']), ...textsOf(each['Arches'])];
      return products.length === 0 ? [] : [products.join('+')];
    }),
  ];
  return {
    fixed: [...new Set(fixed)].join(', '),
    affected: affected.join(' || '),
    status: highest(all.map((each) => numberOf(each['Status']))),
    severity: highest([...all, ...cves].map((each) => levelOf(each['Severity']))),
  };
}

/**
 * The severity that Trivy shows.
 *
 * @param vulnerability the value of the id in the bucket `vulnerability`
 * @param source the id of the data source of the advisory's bucket
 */
export function severityOf(
  { severity }: AdvisoryFacts,
  vulnerability: Uint8Array | undefined,
  id: string,
  source: string,
): string {
  if (severity > 0) return NAMES[severity] as string;
  const { Severity, VendorSeverity } = (vulnerability && objectFrom(vulnerability)) ?? {};
  const ratings = asObject(VendorSeverity);
  for (const rater of [source, ...(id.startsWith('GHSA-') ? ['ghsa'] : []), 'nvd']) {
    const level = Object.hasOwn(ratings, rater) ? levelOf(ratings[rater]) : 0;
    if (level > 0) return NAMES[level] as string;
  }
  return typeof Severity === 'string' && NAMES.includes(Severity) ? Severity : 'UNKNOWN';
}

function numberOf(value: JsonValue | undefined): number {
  return typeof value === 'number' ? value : 0;
}

function levelOf(value: JsonValue | undefined): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < NAMES.length ? value : 0;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

function textsOf(value: JsonValue | undefined): string[] {
  return listOf(value).filter((text): text is string => typeof text === 'string' && text !== '');
}

function asObject(value: JsonValue | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};
}
