import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { countTests } from '../../scripts/count-tests.ts';
import { makeScratch, root } from '../packaging/checkout.ts';

/** A report as vitest writes it, with so many tests of each outcome, and files that did not load. */
function report(passed: number, failed: number, skipped: number, unloaded = 0): string {
  const outcomes = (status: string, count: number) => Array.from({ length: count }, () => ({ status }));
  const assertionResults = [
    ...outcomes('passed', passed),
    ...outcomes('failed', failed),
    ...outcomes('pending', skipped),
  ];
  return JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: skipped,
    numTodoTests: 0,
    testResults: [
      { status: failed > 0 ? 'failed' : 'passed', assertionResults },
      ...Array.from({ length: unloaded }, () => ({ status: 'failed', assertionResults: [] })),
    ],
  });
}

test.each([
  ['all is well', report(9, 0, 2), [], { passed: 9, failed: 0, skipped: 2 }],
  ['a test failed', report(9, 1, 0), ['tests'], { passed: 9, failed: 1, skipped: 0 }],
  ['a file of tests did not load', report(9, 0, 0, 1), ['tests'], { passed: 9, failed: 1, skipped: 0 }],
  ['the runner failed though no test did', report(9, 0, 0), ['tests'], { passed: 9, failed: 1, skipped: 0 }],
  ['the checks failed', report(9, 0, 0), ['checks'], { passed: 9, failed: 1, skipped: 0 }],
  ['everything failed', report(9, 2, 0), ['peers', 'tests', 'checks'], { passed: 9, failed: 4, skipped: 0 }],
  ['there is no report', undefined, ['tests'], { passed: 0, failed: 1, skipped: 0 }],
  ['no test ran', report(0, 0, 0), [], { passed: 0, failed: 1, skipped: 0 }],
  ['all were skipped', report(0, 0, 5), [], { passed: 0, failed: 1, skipped: 5 }],
])('%s', (_, text, failedSteps, count) => {
  expect(countTests(text, failedSteps)).toEqual(count);
});

test('the line stands alone, and the exit status agrees with it', async () => {
  await using scratch = await makeScratch('count');
  const path = join(scratch.path, 'report.json');
  const script = join(root, 'scripts/count-tests.ts');
  writeFileSync(path, report(3, 0, 1));
  expect(execFileSync(process.execPath, [script, path], { encoding: 'utf8' })).toBe('3 passed, 0 failed, 1 skipped\n');
  const { status, stdout } = spawnSync(process.execPath, [script, path, 'checks'], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([1, '3 passed, 1 failed, 1 skipped\n']);
});
