import { type CvssVectors, type Severity as Rating, severities } from '#evidence';

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

/** The number of a rating; a score of 0 is unknown to trivy. */
export function severityFrom(rating: Rating | undefined): Severity {
  return (rating === undefined ? 0 : severities.indexOf(rating)) as Severity;
}

/** The vectors of an advisory as trivy.db has them; undefined where none scores above 0. */
export function cvssFrom({ v2, v3, v4 }: CvssVectors): Cvss | undefined {
  if (![v2, v3, v4].some((scored) => scored !== undefined && scored.score > 0)) return undefined;
  return {
    V2Vector: v2?.vector,
    V3Vector: v3?.vector,
    V40Vector: v4 && withoutUndefined(v4.vector),
    V2Score: v2?.score || undefined,
    V3Score: v3?.score || undefined,
    V40Score: v4?.score || undefined,
  };
}

/** A v4.0 vector in its short form: metrics that are not defined are left out. */
function withoutUndefined(vector: string): string {
  return vector
    .split('/')
    .filter((field) => !field.endsWith(':X'))
    .join('/');
}
