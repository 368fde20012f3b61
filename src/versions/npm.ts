import { compareNumbers, type NearestBounds, type Spelled, type VersionGrammar } from './grammar.ts';
import { nearestBounds, only } from './nearest.ts';
import { comparePreReleases } from './pre-release.ts';
import { parseStrict, parseThreeNumbers, plainText, type ThreeNumbers } from './three-numbers.ts';

/** npm: aquasecurity/go-npm-version 0.0.2 with pre-releases included, as trivy asks for them. */
export const npmGrammar: VersionGrammar<ThreeNumbers> = {
  bound,
  nearest,
  installed: parseStrict,
  compare: (a, b) => compareNumbers(a.numbers, b.numbers) || comparePreReleases(a.preRelease, b.preRelease),
};

/** With a wildcard in its pre-release a bound would match everything or nothing. */
function bound(raw: string): Spelled<ThreeNumbers> | undefined {
  const text = plainText(raw);
  const found = parseThreeNumbers(text) ?? parseThreeNumbers(text.split('+', 1)[0] as string);
  return found?.version.preRelease === 'any' ? undefined : found;
}

function nearest(raw: string): NearestBounds<ThreeNumbers> | undefined {
  const text = plainText(raw);
  const found = parseThreeNumbers(text);
  if (found !== undefined) return only(npmGrammar, found.text);
  return nearestBounds(text, {
    prefix: /^v/,
    maxNumbers: 3,
    isLimited: true,
    least: '-0',
    hasPreReleases: true,
    bound,
  });
}
