import {
  type NearestBounds,
  parseNumber,
  type Spelled,
  trimVersion,
  trimZeros,
  type VersionGrammar,
  type VersionNumber,
} from './grammar.ts';
import { nearestBounds } from './nearest.ts';

/** Numbers and single letters from left to right; a letter comes before every number. */
export interface GemVersion {
  readonly segments: readonly GemSegment[];
}

type GemSegment = VersionNumber | string;

const PRE_RELEASE = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+){0,127}';
const FORM = new RegExp(`^[0-9]+(?:\\.[0-9A-Za-z]+){0,127}(?:-${PRE_RELEASE})?$`);
const SEGMENT = /[0-9]+|[A-Za-z]/g;

/** RubyGems: aquasecurity/go-gem-version as trivy 0.74 pins it. Installed versions and bounds are read alike there. */
export const gemGrammar: VersionGrammar<GemVersion> = { bound, nearest, installed, compare };

/** A number above 64 bits would come before every other number, so that a bound with one is none. */
function bound(raw: string): Spelled<GemVersion> | undefined {
  const found = installed(plain(raw));
  return found?.version.segments.some(isTooLarge) ? undefined : found;
}

function isTooLarge(segment: GemSegment): boolean {
  return typeof segment === 'string' && segment.length > 1;
}

function nearest(raw: string): NearestBounds<GemVersion> | undefined {
  return nearestBounds(plain(raw), {
    prefix: /^/,
    maxNumbers: Number.POSITIVE_INFINITY,
    isLimited: true,
    least: '.A',
    hasPreReleases: true,
    bound,
  });
}

function installed(raw: string): Spelled<GemVersion> | undefined {
  const text = trimVersion(raw);
  if (!FORM.test(text)) return undefined;
  // A hyphen opens a pre-release.
  const segments = (text.replaceAll('-', '.pre.').match(SEGMENT) ?? []).map(segmentOf);
  const letter = segments.findIndex((segment) => typeof segment === 'string');
  const [release, rest] = letter < 0 ? [segments, []] : [segments.slice(0, letter), segments.slice(letter)];
  return { text, version: { segments: [...withoutZeros(release), ...withoutZeros(rest)] } };
}

function segmentOf(text: string): GemSegment {
  return text >= 'A' ? text : (parseNumber(text) ?? text);
}

function withoutZeros(segments: GemSegment[]): GemSegment[] {
  return trimZeros(segments as VersionNumber[]);
}

/** Trimmed, and without the `v` of a tag, which trivy refuses here. */
function plain(raw: string): string {
  return trimVersion(raw).replace(/^[vV](?=[0-9])/, '');
}

/** Where one version is the beginning of the other, zeros stand for what it lacks. */
function compare(a: GemVersion, b: GemVersion): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.segments[i] ?? 0, b.segments[i] ?? 0];
    if (x === y) continue;
    const order = Number(typeof y === 'string') - Number(typeof x === 'string');
    return order !== 0 ? order : x < y ? -1 : 1;
  }
  return 0;
}
