import type { CvssVector } from './vector.ts';
import { type Weights, weigh } from './weigh.ts';

/** CVSS v2 §3.2; a metric left out weighs as ND. */
const WEIGHTS: Weights = {
  AV: { L: 0.395, A: 0.646, N: 1 },
  AC: { H: 0.35, M: 0.61, L: 0.71 },
  Au: { M: 0.45, S: 0.56, N: 0.704 },
  C: { N: 0, P: 0.275, C: 0.66 },
  I: { N: 0, P: 0.275, C: 0.66 },
  A: { N: 0, P: 0.275, C: 0.66 },
  E: { U: 0.85, POC: 0.9, F: 0.95, H: 1, ND: 1 },
  RL: { OF: 0.87, TF: 0.9, W: 0.95, U: 1, ND: 1 },
  RC: { UC: 0.9, UR: 0.95, C: 1, ND: 1 },
  CDP: { N: 0, L: 0.1, LM: 0.3, MH: 0.4, H: 0.5, ND: 0 },
  TD: { N: 0, L: 0.25, M: 0.75, H: 1, ND: 1 },
  CR: { L: 0.5, M: 1, H: 1.51, ND: 1 },
  IR: { L: 0.5, M: 1, H: 1.51, ND: 1 },
  AR: { L: 0.5, M: 1, H: 1.51, ND: 1 },
};

const ENVIRONMENTAL = ['CDP', 'TD', 'CR', 'IR', 'AR'] as const;

/**
 * Base score, and the score with all metrics (CVSS v2 §3.2): the environmental one where the vector has a metric of
 * that group, whose formula caps the impact and so differs from the others', else the temporal one.
 */
export function scoreV2({ metrics }: CvssVector): { base: number; environmental: number } {
  const of = (metric: string) => weigh(WEIGHTS, metric, metrics.get(metric) ?? 'ND');
  const exploitability = 20 * of('AV') * of('AC') * of('Au');
  const base = combine(10.41 * (1 - (1 - of('C')) * (1 - of('I')) * (1 - of('A'))), exploitability);
  const temporal = (score: number) => round(score * of('E') * of('RL') * of('RC'));
  if (!ENVIRONMENTAL.some((metric) => metrics.has(metric))) return { base, environmental: temporal(base) };
  const demanded = (1 - of('C') * of('CR')) * (1 - of('I') * of('IR')) * (1 - of('A') * of('AR'));
  const adjusted = temporal(combine(Math.min(10, 10.41 * (1 - demanded)), exploitability));
  return { base, environmental: Math.max(0, round((adjusted + (10 - adjusted) * of('CDP')) * of('TD'))) };
}

function combine(impact: number, exploitability: number): number {
  return round((0.6 * impact + 0.4 * exploitability - 1.5) * (impact === 0 ? 0 : 1.176));
}

/** To one decimal, halves up: a billionth makes up for binary fractions, and 0 turns a negative zero into 0. */
function round(value: number): number {
  return Math.round((value + 1e-9) * 10) / 10 + 0;
}
