import type { Spelled, VersionGrammar } from '#versions';
import { type Comparison, isInRange } from '../../src/artifacts/trivy/version-range.ts';
import { runPeer } from '../peers/peers.ts';

/** How texts of one grammar are made up. */
export interface Alphabet {
  readonly prefixes: readonly string[];
  /** What may follow the numbers, in any order. */
  readonly pieces: readonly string[];
}

/** A disagreement between a grammar and the library that trivy has for it. */
export interface Disagreement {
  readonly installed: string;
  readonly constraint: string;
  readonly ours: string;
  readonly theirs: string;
}

const NUMBERS = ['0', '0', '1', '1', '2', '3', '9', '10', '11', '00', '01', '2024', '20230101000000'];
const LARGE = ['9007199254740991', '9007199254740993', '18446744073709551615', '18446744073709551616', '9'.repeat(30)];
const OPERATORS = ['<', '<=', '>=', '='] as const;
const BATCH = 10_000;

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Makes up versions, most of them valid, and texts close to those that it made up before. */
export function textsOf({ prefixes, pieces }: Alphabet, random: () => number): (near?: string) => string {
  const one = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const number = (): string => one(random() < 0.02 ? LARGE : NUMBERS);
  const piece = (): string => (random() < 0.3 ? number() : one(pieces));
  const several = (most: number, make: () => string, joint = ''): string =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, make).join(joint);
  const fresh = (): string => {
    const numbers = [number(), ...Array.from({ length: Math.floor(random() * 4) }, number)].join('.');
    return one(prefixes) + numbers + (random() < 0.4 ? '' : several(5, piece));
  };
  const changed = (text: string): string => {
    const at = Math.floor(random() * (text.length + 1));
    const end = random() < 0.5 ? at : at + 1;
    return text.slice(0, at) + (random() < 0.3 ? '' : piece()) + text.slice(end);
  };
  return (near) => (near === undefined || random() < 0.3 ? fresh() : random() < 0.1 ? near : changed(near));
}

/**
 * Asks trivy's library for the versions of an operating system about so many pairs of texts: which it reads, and their
 * order. Where it reads whatever it is given, only what both read is compared.
 *
 * @returns the first disagreements, ten at most
 */
export async function compareWithOrder(
  library: string,
  grammar: VersionGrammar,
  texts: (near?: string) => string,
  { pairs, readsAll }: { readonly pairs: number; readonly readsAll: boolean },
): Promise<Disagreement[]> {
  const found: Disagreement[] = [];
  for (let asked = 0; asked < pairs && found.length < 10; asked += BATCH) {
    const questions = Array.from({ length: Math.min(BATCH, pairs - asked) }, (): [string, string] => {
      const installed = texts().trim();
      // A library may take the empty text for a version, which no package has.
      return [installed, texts(installed).trim() || installed];
    });
    const answers = await askLines(library, questions);
    for (const [i, [installed, constraint]] of questions.entries()) {
      const theirs = answers[i] ?? '';
      const ours = judgeOrder(grammar, installed, constraint);
      if (ours !== theirs && !(readsAll && !/^v[<=>]$/.test(ours))) found.push({ installed, constraint, ours, theirs });
    }
  }
  return found.slice(0, 10);
}

/** What the library should say of two texts. */
function judgeOrder(grammar: VersionGrammar, installed: string, other: string): string {
  const [a, b] = [grammar.bound(installed), grammar.bound(other)];
  if (a === undefined) return b === undefined ? '-e' : '-p';
  return b === undefined ? 've' : `v${orderOf(grammar, a, b)}`;
}

function orderOf(grammar: VersionGrammar, a: Spelled<unknown>, b: Spelled<unknown>): string {
  const order = grammar.compare(a.version, b.version);
  return order < 0 ? '<' : order > 0 ? '>' : '=';
}

interface Question {
  readonly installed: string;
  readonly constraints: readonly { readonly text: string; readonly comparison: Comparison }[];
}

/** Asks trivy's library about so many pairs of texts. @returns the first disagreements, ten at most */
export async function compareWithLibrary(
  library: string,
  grammar: VersionGrammar,
  texts: (near?: string) => string,
  pairs: number,
): Promise<Disagreement[]> {
  const found: Disagreement[] = [];
  for (let asked = 0; asked < pairs && found.length < 10; asked += BATCH) {
    const questions = Array.from({ length: Math.min(BATCH, pairs - asked) }, () => questionOf(grammar, texts));
    const answers = await ask(library, questions);
    for (const [i, question] of questions.entries()) found.push(...judge(grammar, question, answers[i] ?? ''));
  }
  return found.slice(0, 10);
}

function questionOf(grammar: VersionGrammar, texts: (near?: string) => string): Question {
  const installed = texts();
  const other = texts(installed);
  const bound = grammar.bound(other);
  const nearest = bound === undefined ? grammar.nearest(other) : undefined;
  const bounds = [bound, nearest?.near, nearest?.from, nearest?.to.bound].filter((each) => each !== undefined);
  const version = grammar.installed(installed);
  const itself: Comparison = { operator: '=', bound: { text: version?.text ?? installed, version: undefined } };
  const constraints = [itself, ...bounds.flatMap((each) => OPERATORS.map((operator) => ({ operator, bound: each })))];
  // A listed version stands behind `=`, in a spelling of its own, and what a fix is exactly behind `!=`.
  const listed = grammar.installed(grammar.installed(other)?.text ?? '');
  if (listed !== undefined) constraints.push({ operator: '=', bound: listed });
  if (nearest?.exact !== undefined) constraints.push({ operator: '!=', bound: nearest.exact });
  return {
    installed,
    constraints: constraints.map((comparison: Comparison) => ({
      text: comparison.operator + comparison.bound.text,
      comparison,
    })),
  };
}

function ask(library: string, questions: readonly Question[]): Promise<string[]> {
  return askLines(
    library,
    questions.map(({ installed, constraints }) => [installed, ...constraints.map(({ text }) => text)]),
  );
}

async function askLines(library: string, questions: readonly (readonly string[])[]): Promise<string[]> {
  const lines = questions.map((texts) => JSON.stringify(texts));
  const { code, stdout, stderr } = await runPeer('trivy-versions', [library], { input: `${lines.join('\n')}\n` });
  if (code !== 0) throw new Error(`trivy-versions ended with ${code}: ${stderr}`);
  return stdout.split('\n');
}

function judge(grammar: VersionGrammar, { installed, constraints }: Question, answer: string): Disagreement[] {
  const found: Disagreement[] = [];
  const version = grammar.installed(installed)?.version;
  // What is no installed version, or cannot be named, would find nothing. Two words are named by accident.
  const readable = answer.startsWith('v1') && !/\S\s+\S/.test(installed);
  if (readable !== (version !== undefined)) {
    found.push({ installed, constraint: '', ours: readable ? 'unreadable' : 'readable', theirs: answer });
  }
  for (const [i, { text, comparison }] of constraints.entries()) {
    if (i === 0) continue;
    const theirs = answer[i + 1] ?? '';
    const ours = version === undefined ? 'p' : verdict(grammar, comparison, version);
    if (theirs === 'e' || (version !== undefined && !ours.includes(theirs))) {
      found.push({ installed, constraint: text, ours, theirs });
    }
  }
  return found;
}

/** What the library may say: of a version below a bound both, where that is not sure. */
function verdict(grammar: VersionGrammar, comparison: Comparison, version: unknown): string {
  if (!isInRange(grammar, [comparison], version)) return '0';
  return isInRange(grammar, [comparison], version, true) ? '1' : '01';
}
