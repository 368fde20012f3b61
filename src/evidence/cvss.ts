import { scoreV2 } from './cvss/cvss2.ts';
import { scoreV3 } from './cvss/cvss3.ts';
import { scoreV4 } from './cvss/cvss4.ts';
import { type CvssVersion, parseVector } from './cvss/vector.ts';
import type { Severity } from './record-properties.ts';

export { type CvssVersion, parseVector };

/** The scores of a CVSS vector. */
export interface CvssScore {
  readonly version: CvssVersion;
  /** The base score; for v4.0 the one score there is, with the threat and environmental metrics of the vector. */
  readonly base: number;
  /**
   * With all metrics of the vector, by the environmental formula. Under v3.1 it may differ from `base` by a tenth
   * even where the vector holds base metrics only, since the formula for a changed scope is another one.
   */
  readonly environmental: number;
}

/** Scores a CVSS vector of version 2.0, 3.0, 3.1 or 4.0; undefined when it is none. */
export function scoreOf(vector: string): CvssScore | undefined {
  const parsed = parseVector(vector);
  if (parsed === undefined) return undefined;
  const { version } = parsed;
  if (version === '2.0') return { version, ...scoreV2(parsed) };
  if (version === '4.0') {
    const score = scoreV4(parsed);
    return { version, base: score, environmental: score };
  }
  return { version, ...scoreV3(parsed) };
}

/** The rating of a score: v3.1 §5 and v4.0 §6; v2, which has no critical, as the NVD rates it. */
export function ratingOf(version: CvssVersion, score: number): Severity {
  if (score >= 9 && version !== '2.0') return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score >= 0.1 ? 'low' : 'none';
}
