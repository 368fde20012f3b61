import { type MacroVector, macroScoreOf } from './macro-scores.ts';
import type { CvssVector } from './vector.ts';

type Read = (metric: string) => string;

/** Values of each metric from the most to the least severe (CVSS v4.0 §8.2); one step is one unit of distance. */
const ORDER: Readonly<Record<string, string>> = {
  AV: 'NALP',
  PR: 'NLH',
  UI: 'NPA',
  AC: 'LH',
  AT: 'NP',
  VC: 'HLN',
  VI: 'HLN',
  VA: 'HLN',
  SC: 'SHLN',
  SI: 'SHLN',
  SA: 'SHLN',
  CR: 'HML',
  IR: 'HML',
  AR: 'HML',
};

/** Highest severity vectors of each level (§8.2, tables 24 to 29), and how deep each level goes in steps. */
interface Level {
  readonly highest: readonly string[];
  readonly depth: number;
}

const EQ1: readonly Level[] = [
  { highest: ['AV:N PR:N UI:N'], depth: 1 },
  { highest: ['AV:A PR:N UI:N', 'AV:N PR:L UI:N', 'AV:N PR:N UI:P'], depth: 4 },
  { highest: ['AV:P PR:N UI:N', 'AV:A PR:L UI:P'], depth: 5 },
];

const EQ2: readonly Level[] = [
  { highest: ['AC:L AT:N'], depth: 1 },
  { highest: ['AC:H AT:N', 'AC:L AT:P'], depth: 2 },
];

const EQ4: readonly Level[] = [
  { highest: ['SC:H SI:S SA:S'], depth: 6 },
  { highest: ['SC:H SI:H SA:H'], depth: 5 },
  { highest: ['SC:L SI:L SA:L'], depth: 4 },
];

/** EQ3 and EQ6 count together. */
const EQ3_EQ6: Readonly<Record<string, Level>> = {
  '00': { highest: ['VC:H VI:H VA:H CR:H IR:H AR:H'], depth: 7 },
  '01': { highest: ['VC:H VI:H VA:L CR:M IR:M AR:H', 'VC:H VI:H VA:H CR:M IR:M AR:M'], depth: 6 },
  '10': { highest: ['VC:L VI:H VA:H CR:H IR:H AR:H', 'VC:H VI:L VA:H CR:H IR:H AR:H'], depth: 8 },
  '11': {
    highest: [
      'VC:L VI:H VA:L CR:H IR:M AR:H',
      'VC:L VI:H VA:H CR:H IR:M AR:M',
      'VC:H VI:L VA:H CR:M IR:H AR:M',
      'VC:H VI:L VA:L CR:M IR:H AR:H',
      'VC:L VI:L VA:H CR:H IR:H AR:M',
    ],
    depth: 8,
  },
  '21': { highest: ['VC:L VI:L VA:L CR:H IR:H AR:H'], depth: 10 },
};

/** The one score that CVSS v4.0 has for a vector, with the threat and environmental metrics that it holds (§8). */
export function scoreV4({ metrics }: CvssVector): number {
  const read: Read = (metric) => effective(metrics, metric);
  if (['VC', 'VI', 'VA', 'SC', 'SI', 'SA'].every((metric) => read(metric) === 'N')) return 0;
  const macro = macroVectorOf(read);
  const score = macroScoreOf(macro) as number;
  const [eq1, eq2, eq3, eq4, eq5, eq6] = macro;
  const losses = [
    lossOf(score, macroScoreOf([eq1 + 1, eq2, eq3, eq4, eq5, eq6]), EQ1[eq1] as Level, read),
    lossOf(score, macroScoreOf([eq1, eq2 + 1, eq3, eq4, eq5, eq6]), EQ2[eq2] as Level, read),
    lossOf(score, lowerEq3Eq6(macro), EQ3_EQ6[`${eq3}${eq6}`] as Level, read),
    lossOf(score, macroScoreOf([eq1, eq2, eq3, eq4 + 1, eq5, eq6]), EQ4[eq4] as Level, read),
    // All vectors of a level of EQ5 are the same: it takes part in the mean, and takes nothing away.
    macroScoreOf([eq1, eq2, eq3, eq4, eq5 + 1, eq6]) === undefined ? undefined : 0,
  ].filter((loss) => loss !== undefined);
  const mean = losses.length === 0 ? 0 : losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return roundTenth(Math.min(10, Math.max(0, score - mean)));
}

/** The value that counts: a modified metric before its base metric, the worst case for what is not defined (§8.1). */
function effective(metrics: ReadonlyMap<string, string>, metric: string): string {
  const modified = metrics.get(`M${metric}`) ?? 'X';
  if (modified !== 'X') return modified;
  const value = metrics.get(metric) ?? 'X';
  if (value !== 'X') return value;
  return metric === 'E' ? 'A' : 'H';
}

function macroVectorOf(read: Read): MacroVector {
  const high = (metric: string) => read(metric) === 'H';
  const eq2 = read('AC') === 'L' && read('AT') === 'N' ? 0 : 1;
  const eq3 = high('VC') && high('VI') ? 0 : high('VC') || high('VI') || high('VA') ? 1 : 2;
  const eq5 = 'APU'.indexOf(read('E'));
  const demanded = (high('CR') && high('VC')) || (high('IR') && high('VI')) || (high('AR') && high('VA'));
  return [eq1Of(read), eq2, eq3, eq4Of(read), eq5, demanded ? 0 : 1];
}

function eq1Of(read: Read): number {
  const open = ['AV', 'PR', 'UI'].filter((metric) => read(metric) === 'N').length;
  if (open === 3) return 0;
  return open > 0 && read('AV') !== 'P' ? 1 : 2;
}

function eq4Of(read: Read): number {
  if (read('SI') === 'S' || read('SA') === 'S') return 0;
  return ['SC', 'SI', 'SA'].some((metric) => read(metric) === 'H') ? 1 : 2;
}

/** Score of the next lower MacroVector along EQ3 and EQ6; where two ways lead down, the higher of both. */
function lowerEq3Eq6([eq1, eq2, eq3, eq4, eq5, eq6]: MacroVector): number | undefined {
  const byEq3 = macroScoreOf([eq1, eq2, eq3 + 1, eq4, eq5, eq6]);
  const byEq6 = macroScoreOf([eq1, eq2, eq3, eq4, eq5, eq6 + 1]);
  if (eq6 === 1) return byEq3;
  return eq3 === 1 ? byEq6 : Math.max(byEq3 ?? Number.NaN, byEq6 ?? Number.NaN);
}

/** What the distance from the highest severity vector takes off the score within one level. */
function lossOf(score: number, lower: number | undefined, level: Level, read: Read): number | undefined {
  if (lower === undefined || Number.isNaN(lower)) return undefined;
  return (score - lower) * (stepsFrom(level, read) / level.depth);
}

/** Steps from the first highest severity vector that is in no metric below this one. */
function stepsFrom(level: Level, read: Read): number {
  for (const vector of level.highest) {
    const steps = vector.split(' ').map((field) => {
      const [metric, value] = field.split(':') as [string, string];
      const order = ORDER[metric] as string;
      return order.indexOf(read(metric)) - order.indexOf(value);
    });
    if (steps.every((step) => step >= 0)) return steps.reduce((sum, step) => sum + step, 0);
  }
  throw new RangeError('no highest severity vector above this one');
}

/** To one decimal, half up; the millionth makes up for binary fractions, as the published calculator does. */
function roundTenth(value: number): number {
  return Math.round((value + 1e-6) * 10) / 10;
}
