import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What vitest's JSON reporter writes, as far as it is counted here. */
interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** How a run ended. */
export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts a run so that nothing that went wrong is missing: a file of tests that did not load, a step that failed
 * although each of its tests passed, and a step of tests in which no test took place count as one failure each.
 *
 * @param reports the text of the report of each step that runs tests; undefined where there is none
 * @param failedSteps the steps of the run that ended with another status than 0
 */
export function countTests(
  reports: ReadonlyMap<string, string | undefined>,
  failedSteps: readonly string[],
): TestCount {
  const total = { passed: 0, failed: failedSteps.filter((step) => !reports.has(step)).length, skipped: 0 };
  for (const [step, text] of reports) {
    const count = countReport(text);
    const isSilent = count.failed === 0 && (count.passed === 0 || failedSteps.includes(step));
    total.passed += count.passed;
    total.failed += isSilent ? 1 : count.failed;
    total.skipped += count.skipped;
  }
  return total;
}

function countReport(text: string | undefined): TestCount {
  // biome-ignore lint/plugin: counts must come even where the product is broken, and names in a report are fixed
  const run = text === undefined ? undefined : (JSON.parse(text) as TestReport);
  const unloaded = (run?.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((result) => result.status === 'failed'),
  );
  return {
    passed: run?.numPassedTests ?? 0,
    failed: (run?.numFailedTests ?? 0) + unloaded.length,
    skipped: (run?.numPendingTests ?? 0) + (run?.numTodoTests ?? 0),
  };
}

function readReport(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

// count-tests.ts REPORT... -- FAILED-STEP...; a report is called after its step, STEP.json.
if (import.meta.main) {
  const args = process.argv.slice(2);
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const reports = new Map(args.slice(0, end).map((path) => [basename(path, '.json'), readReport(path)]));
  const { passed, failed, skipped } = countTests(reports, args.slice(end + 1));
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}
