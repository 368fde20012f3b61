import { parseNumber, type VersionNumber } from './grammar.ts';

/** A part of a pre-release: a number, or text, which is greater than any number. */
type PreReleasePart = VersionNumber | string;

/** A pre-release by its parts; `any` where a part is a wildcard, which trivy finds equal to everything. */
export type PreRelease = readonly PreReleasePart[] | 'any';

/** The parts of a pre-release; none for a release. */
export function parsePreRelease(text: string): PreRelease {
  if (text === '') return [];
  const parts = text.split('.');
  if (parts.some(isWildcard)) return 'any';
  return parts.map((part) => (/^[0-9]+$/.test(part) ? (parseNumber(part) ?? part) : part));
}

/**
 * A pre-release without wildcards: each `x` becomes `x-`, which comes directly after it. An installed version with the
 * `x` is equal to it all the same.
 */
export function withoutWildcards(text: string): string {
  return text
    .split('.')
    .map((part) => (isWildcard(part) ? `${part}-` : part))
    .join('.');
}

function isWildcard(part: string): boolean {
  return part === 'x' || part === 'X' || part === '*';
}

/** Compares pre-releases of one version: a release is greater than any pre-release. */
export function comparePreReleases(a: PreRelease, b: PreRelease): number {
  if (a === 'any' || b === 'any') return 0;
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const order = compareParts(a[i] as PreReleasePart, b[i] as PreReleasePart);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareParts(a: PreReleasePart, b: PreReleasePart): number {
  if (a === b) return 0;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : 1;
  if (typeof a === 'string') return 1;
  if (typeof b === 'string') return -1;
  return a < b ? -1 : 1;
}
