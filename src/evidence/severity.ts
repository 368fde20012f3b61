import type { JsonObject, JsonValue } from '#core';
import { type CvssScore, type CvssVersion, ratingOf, scoreOf } from './cvss.ts';
import { isObject, itemsOf } from './formats/value.ts';
import { type Severity, severities } from './record-properties.ts';

/** A CVSS vector with its score. */
interface ScoredVector {
  readonly version: CvssVersion;
  readonly vector: string;
  /** The base score of v2, else the score with all metrics of the vector. */
  readonly score: number;
}

/** The vectors of an advisory that count, by major version. */
export interface CvssVectors {
  readonly v2: ScoredVector | undefined;
  readonly v3: ScoredVector | undefined;
  readonly v4: ScoredVector | undefined;
}

/** Words that databases use in place of a score, in lower case. */
const WORDS: ReadonlyMap<string, Severity> = new Map([
  ['none', 'none'],
  ['negligible', 'low'],
  ['low', 'low'],
  ['moderate', 'medium'],
  ['medium', 'medium'],
  ['important', 'high'],
  ['high', 'high'],
  ['critical', 'critical'],
]);

/** OSV's types of severity, by version of CVSS. */
const TYPES: Readonly<Record<CvssVersion, string>> = {
  '2.0': 'CVSS_V2',
  '3.0': 'CVSS_V3',
  '3.1': 'CVSS_V3',
  '4.0': 'CVSS_V4',
};

/**
 * The severity of an advisory, the same for every use (docs/FORMATS.md, "Severity"): the publisher's word, else the
 * rating of the newest version of CVSS that scores above 0. Undefined where the advisory has neither.
 *
 * @param vectors of the same advisory, where the caller has them
 */
export function severityOfAdvisory(
  advisory: JsonObject,
  vectors: CvssVectors = cvssOfAdvisory(advisory),
): Severity | undefined {
  return wordOf(advisory) ?? ratingOfVectors(vectors) ?? wordOfTitle(advisory);
}

/** Errata of AlmaLinux say how severe they are in the title only: "Important: kernel security update". */
function wordOfTitle({ id, summary }: JsonObject): Severity | undefined {
  if (typeof id !== 'string' || typeof summary !== 'string' || !id.startsWith('ALSA-')) return undefined;
  const word = summary.slice(0, Math.max(summary.indexOf(':'), 0));
  return word.length > MAX_WORD ? undefined : WORDS.get(word.toLowerCase());
}

const MAX_WORD = 16;

/**
 * The vectors of an advisory, one of each type: the last of the advisory's own; where packages have vectors of their
 * own, the one with the highest score among them. Entries without a vector of their type do not count.
 */
export function cvssOfAdvisory(advisory: JsonObject): CvssVectors {
  const own = vectorsByType(advisory);
  const ofPackages = objectsOf(advisory, 'affected').filter(hasSeverities).map(vectorsByType);
  if (ofPackages.length === 0) return { v2: own.get('CVSS_V2'), v3: own.get('CVSS_V3'), v4: own.get('CVSS_V4') };
  const pick = (type: string): ScoredVector | undefined => {
    const found = ofPackages.flatMap((vectors) => vectors.get(type) ?? []);
    return found.length === 0 ? own.get(type) : found.reduce((best, each) => (each.score > best.score ? each : best));
  };
  return { v2: pick('CVSS_V2'), v3: pick('CVSS_V3'), v4: pick('CVSS_V4') };
}

/** The advisory's own word, else the highest word of its packages, else the highest priority of Ubuntu's. */
function wordOf(advisory: JsonObject): Severity | undefined {
  const own = readWord(advisory, 'database_specific');
  if (own !== undefined) return own;
  const packages = objectsOf(advisory, 'affected');
  const words: Severity[] = [];
  for (const part of packages) {
    for (const member of ['database_specific', 'ecosystem_specific']) {
      const word = readWord(part, member);
      if (word !== undefined) words.push(word);
    }
  }
  return highest(words) ?? highest([advisory, ...packages].filter(hasSeverities).flatMap(prioritiesOf));
}

function ratingOfVectors({ v4, v3, v2 }: CvssVectors): Severity | undefined {
  const found = [v4, v3, v2].filter((scored) => scored !== undefined);
  const scored = found.find(({ score }) => score > 0) ?? found[0];
  return scored && ratingOf(scored.version, scored.score);
}

function readWord(part: JsonObject, member: string): Severity | undefined {
  const specific = part[member];
  return isObject(specific) ? severityOfWord(specific['severity']) : undefined;
}

function prioritiesOf(part: JsonObject): readonly (Severity | undefined)[] {
  const entries = objectsOf(part, 'severity').filter(({ type }) => type === 'Ubuntu');
  return entries.map(({ score }) => severityOfWord(score));
}

function severityOfWord(word: JsonValue | undefined): Severity | undefined {
  return typeof word === 'string' ? WORDS.get(word.trim().toLowerCase()) : undefined;
}

function highest(found: readonly (Severity | undefined)[]): Severity | undefined {
  return found.length === 0 ? undefined : severities.findLast((severity) => found.includes(severity));
}

function hasSeverities(part: JsonObject): boolean {
  return itemsOf(part, 'severity').length > 0;
}

const NO_VECTORS: ReadonlyMap<string, ScoredVector> = new Map();

function vectorsByType(part: JsonObject): ReadonlyMap<string, ScoredVector> {
  if (!hasSeverities(part)) return NO_VECTORS;
  const result = new Map<string, ScoredVector>();
  for (const { type, score } of objectsOf(part, 'severity')) {
    if (typeof type !== 'string' || typeof score !== 'string') continue;
    const vector = score.endsWith('/') ? score.slice(0, -1) : score;
    const scored = scoreOnce(vector);
    if (scored === undefined || TYPES[scored.version] !== type) continue;
    const { version, base, environmental } = scored;
    result.set(type, { version, vector, score: version === '2.0' ? base : environmental });
  }
  return result;
}

/** Scores by vector: published records have some hundreds of vectors. */
const scores = new Map<string, CvssScore | undefined>();
const MAX_SCORES = 4096;
/** No vector is longer with each metric once. */
const MAX_VECTOR = 512;

function scoreOnce(vector: string): CvssScore | undefined {
  if (vector.length > MAX_VECTOR) return undefined;
  const known = scores.get(vector);
  if (known !== undefined || scores.has(vector)) return known;
  if (scores.size >= MAX_SCORES) scores.clear();
  const score = scoreOf(vector);
  scores.set(vector, score);
  return score;
}

function objectsOf(part: JsonObject, member: string): JsonObject[] {
  return itemsOf(part, member).filter(isObject);
}
