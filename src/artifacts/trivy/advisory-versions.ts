import type { Spelled, VersionGrammar } from '#versions';
import { isEqual, isInRange, parseRange, spellRange, type VersionRange } from './version-range.ts';

/** What a row of trivy.db says of the versions of a package. */
export interface AdvisoryVersions {
  /** Constraints of which one must hold. */
  readonly vulnerable: readonly string[];
  /** Versions that trivy shows as fixed, and never reports: none that a constraint takes in. */
  readonly patched: readonly string[];
}

/** What one or several records say of the versions of a package. */
export interface VersionStatements {
  /** Listed versions are ranges of one version. */
  readonly ranges: readonly VersionRange[];
  readonly fixes: readonly Spelled<unknown>[];
}

/**
 * A package may take so many comparisons of fixes with ranges. Beyond, no fixed version is shown: the findings are the
 * same. Published records need less than a hundredth.
 */
const MAX_COMPARISONS = 200_000;

/** The constraints of a row. Trivy reports a version that is vulnerable AND NOT patched, so affected ones are no fixes. */
export function adviseVersions(grammar: VersionGrammar, statements: VersionStatements): AdvisoryVersions {
  const patched = unaffectedFixes(grammar, statements);
  const fixes = new Set(patched);
  const vulnerable: string[] = [];
  for (const range of statements.ranges) for (const text of spellRange(range, fixes)) vulnerable.push(text);
  return { vulnerable, patched };
}

/** The union of several rows for one package, in their order, each constraint once. */
export function mergeAdvisoryVersions(grammar: VersionGrammar, rows: readonly AdvisoryVersions[]): AdvisoryVersions {
  const ranges = new Map<string, VersionRange>();
  const fixes = new Map<string, Spelled<unknown>>();
  for (const { vulnerable, patched } of rows) {
    for (const text of vulnerable) if (!ranges.has(text)) ranges.set(text, parseRange(text, grammar));
    for (const text of patched) if (!fixes.has(text)) fixes.set(text, readFix(text, grammar));
  }
  const { vulnerable, patched } = adviseVersions(grammar, { ranges: [...ranges.values()], fixes: [...fixes.values()] });
  return { vulnerable: [...new Set(vulnerable)], patched };
}

function readFix(text: string, grammar: VersionGrammar): Spelled<unknown> {
  const read = grammar.bound(text) ?? grammar.installed(text);
  if (read === undefined) throw new TypeError(`not an encoded fixed version: ${text}`);
  return { text, version: read.version };
}

/** Whether no fixed version is shown, since it would take too many comparisons to tell which are affected. */
export function exceedsComparisons({ ranges, fixes }: VersionStatements): boolean {
  return fixes.length * ranges.length > MAX_COMPARISONS;
}

function unaffectedFixes(grammar: VersionGrammar, statements: VersionStatements): readonly string[] {
  if (exceedsComparisons(statements)) return [];
  const { ranges, fixes } = statements;
  return fixes
    .filter((fix) => !ranges.some((range) => isFixAffected(grammar, range, fix.version)))
    .map(({ text }) => text);
}

/** Whether a range takes in a version that trivy would not report if this fix were written. */
function isFixAffected(grammar: VersionGrammar, range: VersionRange, fix: unknown): boolean {
  const [only, ...others] = range;
  if (only?.operator === '=' && others.length === 0) return isEqual(grammar, only.bound.version, fix);
  return isInRange(grammar, range, fix);
}
