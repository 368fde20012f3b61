import type { CvssVector } from './vector.ts';
import { type Weights, weigh } from './weigh.ts';

/** CVSS v3.1 §7.4; a metric left out weighs as X. */
const WEIGHTS: Weights = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  UI: { N: 0.85, R: 0.62 },
  CIA: { H: 0.56, L: 0.22, N: 0 },
  E: { X: 1, H: 1, F: 0.97, P: 0.94, U: 0.91 },
  RL: { X: 1, U: 1, W: 0.97, T: 0.96, O: 0.95 },
  RC: { X: 1, C: 1, R: 0.96, U: 0.92 },
  REQUIREMENT: { X: 1, H: 1.5, M: 1, L: 0.5 },
};

/** Privileges weigh more where the scope changes. */
const PRIVILEGES: Weights = {
  U: { N: 0.85, L: 0.62, H: 0.27 },
  C: { N: 0.85, L: 0.68, H: 0.5 },
};

/** Base and environmental score (CVSS v3.1 §7.1 and §7.3; v3.0 §8.1 and §8.3). */
export function scoreV3(vector: CvssVector): { base: number; environmental: number } {
  return { base: baseScore(vector.metrics), environmental: environmentalScore(vector) };
}

function baseScore(metrics: ReadonlyMap<string, string>): number {
  const of = (metric: string) => metrics.get(metric) as string;
  const impactOf = (metric: string) => weigh(WEIGHTS, 'CIA', of(metric));
  const base = 1 - (1 - impactOf('C')) * (1 - impactOf('I')) * (1 - impactOf('A'));
  const changed = of('S') === 'C';
  const impact = changed ? 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 : 6.42 * base;
  return combine(impact, exploitability(of), changed);
}

function environmentalScore({ metrics, version }: CvssVector): number {
  const optional = (metric: string) => metrics.get(metric) ?? 'X';
  // A modified metric that is not defined is the base metric itself.
  const of = (metric: string) => {
    const modified = optional(`M${metric}`);
    return modified === 'X' ? (metrics.get(metric) as string) : modified;
  };
  const demanded = (metric: string) =>
    1 - weigh(WEIGHTS, 'REQUIREMENT', optional(`${metric}R`)) * weigh(WEIGHTS, 'CIA', of(metric));
  const base = Math.min(1 - demanded('C') * demanded('I') * demanded('A'), 0.915);
  const changed = of('S') === 'C';
  const loss = version === '3.0' ? (base - 0.02) ** 15 : (base * 0.9731 - 0.02) ** 13;
  const impact = changed ? 7.52 * (base - 0.029) - 3.25 * loss : 6.42 * base;
  const temporal =
    weigh(WEIGHTS, 'E', optional('E')) * weigh(WEIGHTS, 'RL', optional('RL')) * weigh(WEIGHTS, 'RC', optional('RC'));
  return roundUp(combine(impact, exploitability(of), changed) * temporal);
}

function exploitability(of: (metric: string) => string): number {
  const privileges = weigh(PRIVILEGES, of('S'), of('PR'));
  return (
    8.22 * weigh(WEIGHTS, 'AV', of('AV')) * weigh(WEIGHTS, 'AC', of('AC')) * privileges * weigh(WEIGHTS, 'UI', of('UI'))
  );
}

function combine(impact: number, exploited: number, changed: boolean): number {
  if (impact <= 0) return 0;
  return roundUp(Math.min((changed ? 1.08 : 1) * (impact + exploited), 10));
}

/** The smallest number with one decimal that is not less, proof against binary fractions (v3.1 appendix A). */
function roundUp(value: number): number {
  const whole = Math.round(value * 100_000);
  return whole % 10_000 === 0 ? whole / 100_000 : (Math.floor(whole / 10_000) + 1) / 10;
}
