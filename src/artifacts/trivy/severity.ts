import type { JsonObject } from '#core';
import { scoreOf } from '#evidence';
import { objectOf, objectsOf, textOf } from './json.ts';

/** trivy-db's scale: 0 unknown, 1 low, 2 medium, 3 high, 4 critical. */
export type Severity = 0 | 1 | 2 | 3 | 4;

/** Names of the severities by number. */
export const severityNames = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] as const;

/** CVSS vectors and scores of one source, member by member as trivy-db's struct has them; a score of 0 is left out. */
export type Cvss = {
  readonly V2Vector?: string | undefined;
  readonly V3Vector?: string | undefined;
  readonly V40Vector?: string | undefined;
  readonly V2Score?: number | undefined;
  readonly V3Score?: number | undefined;
  readonly V40Score?: number | undefined;
};

/** Words of `database_specific.severity`, as GitHub has them, and what others write for the same. */
const WORDS: Readonly<Record<string, Severity>> = { LOW: 1, MODERATE: 2, MEDIUM: 2, HIGH: 3, CRITICAL: 4 };

interface Scored {
  readonly vector: string;
  readonly score: number;
}

/**
 * The vectors of a record, one a version of CVSS: the last of the record's own; where packages have vectors of their
 * own, the one with the highest score among them, since trivy.db has one rating for all packages.
 */
export function cvssOf(record: JsonObject): Cvss | undefined {
  const own = scoredByType(record);
  const ofPackages = objectsOf(record, 'affected').map(({ item }) => scoredByType(item));
  const pick = (type: string): Scored | undefined => {
    const found = ofPackages.flatMap((scored) => scored.get(type) ?? []);
    return found.length === 0 ? own.get(type) : found.reduce((best, each) => (each.score > best.score ? each : best));
  };
  const [v2, v3, v4] = ['CVSS_V2', 'CVSS_V3', 'CVSS_V4'].map(pick);
  if (v2 === undefined && v3 === undefined && v4 === undefined) return undefined;
  return {
    V2Vector: v2?.vector,
    V3Vector: v3?.vector,
    V40Vector: v4?.vector,
    V2Score: v2?.score || undefined,
    V3Score: v3?.score || undefined,
    V40Score: v4?.score || undefined,
  };
}

/** The severity: the publisher's word where there is one, else what the newest version of CVSS scores above 0. */
export function severityOf(record: JsonObject, cvss: Cvss | undefined): Severity {
  const word = WORDS[textOf(objectOf(record, 'database_specific'), 'severity').toUpperCase()];
  return word ?? rate(cvss?.V40Score ?? cvss?.V3Score ?? cvss?.V2Score ?? 0);
}

function rate(score: number): Severity {
  if (score >= 9) return 4;
  if (score >= 7) return 3;
  if (score >= 4) return 2;
  return score > 0 ? 1 : 0;
}

function scoredByType(part: JsonObject): Map<string, Scored> {
  const result = new Map<string, Scored>();
  for (const { item } of objectsOf(part, 'severity')) {
    const type = textOf(item, 'type');
    const vector = textOf(item, 'score').replace(/\/$/, '');
    const scored = scoreOf(vector);
    if (scored === undefined) continue;
    // Version 2 has no other score in trivy.db than the base score.
    if (type === 'CVSS_V2' && scored.version === '2.0') result.set(type, { vector, score: scored.base });
    if (type === 'CVSS_V3' && /^3/.test(scored.version)) result.set(type, { vector, score: scored.environmental });
    if (type === 'CVSS_V4' && scored.version === '4.0') {
      result.set(type, { vector: withoutUndefined(vector), score: scored.environmental });
    }
  }
  return result;
}

/** A v4.0 vector in its short form: metrics that are not defined are left out. */
function withoutUndefined(vector: string): string {
  return vector
    .split('/')
    .filter((field) => !field.endsWith(':X'))
    .join('/');
}
