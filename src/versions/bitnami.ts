import { compareNumbers, type NearestBounds, type Spelled, type VersionGrammar } from './grammar.ts';
import { nearestBounds } from './nearest.ts';
import { comparePreReleases, type PreRelease } from './pre-release.ts';
import { parseStrict, parseThreeNumbers, plainText, type ThreeNumbers } from './three-numbers.ts';

/**
 * Bitnami: bitnami/go-version as trivy 0.74 pins it. What follows a hyphen is a revision of the package, which comes
 * after the version without one.
 */
export const bitnamiGrammar: VersionGrammar<ThreeNumbers> = {
  bound,
  nearest,
  installed: (text) => withoutWildcard(parseStrict(text)),
  compare: (a, b) => compareNumbers(a.numbers, b.numbers) || compareRevisions(a.preRelease, b.preRelease),
  // Records have pre-releases too: `1.24.0-0` to `1.24.0` is a range, though trivy takes the first for the later one.
  compareBounds: (a, b) => compareNumbers(a.numbers, b.numbers),
};

function bound(raw: string): Spelled<ThreeNumbers> | undefined {
  const text = plainText(raw);
  return withoutWildcard(parseThreeNumbers(text) ?? parseThreeNumbers(text.split('+', 1)[0] as string));
}

function nearest(raw: string): NearestBounds<ThreeNumbers> | undefined {
  return nearestBounds(plainText(raw), {
    prefix: /^v/,
    maxNumbers: 3,
    isLimited: true,
    least: '',
    hasPreReleases: false,
    bound,
  });
}

/** A revision with a wildcard is none to trivy. */
function withoutWildcard(found: Spelled<ThreeNumbers> | undefined): Spelled<ThreeNumbers> | undefined {
  if (found?.version.preRelease !== 'any') return found;
  const [text = ''] = found.text.split('-', 1);
  return { text, version: { numbers: found.version.numbers, preRelease: [] } };
}

function compareRevisions(a: PreRelease, b: PreRelease): number {
  const isOne = a.length === 0 || b.length === 0;
  return isOne ? a.length - b.length : comparePreReleases(a, b);
}
