import { readFileSync } from 'node:fs';

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
 * although each test passed, and a run in which no test took place count as one failure each.
 *
 * @param report the text of the report, undefined where there is none
 * @param failedSteps the steps of the run that ended with another status than 0
 */
export function countTests(report: string | undefined, failedSteps: readonly string[]): TestCount {
  // biome-ignore lint/plugin: counts must come even where the product is broken, and names in a report are fixed
  const run = report === undefined ? undefined : (JSON.parse(report) as TestReport);
  const passed = run?.numPassedTests ?? 0;
  const unloaded = (run?.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((result) => result.status === 'failed'),
  );
  const failedTests = (run?.numFailedTests ?? 0) + unloaded.length;
  const silentSteps = failedSteps.filter((step) => step !== 'tests' || failedTests === 0);
  const failed = failedTests + silentSteps.length;
  const skipped = (run?.numPendingTests ?? 0) + (run?.numTodoTests ?? 0);
  return { passed, failed: passed + failed === 0 ? 1 : failed, skipped };
}

function readReport(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const [path = '', ...failedSteps] = process.argv.slice(2);
  const { passed, failed, skipped } = countTests(readReport(path), failedSteps);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}
