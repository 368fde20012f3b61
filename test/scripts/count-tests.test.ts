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

const good = report(9, 0, 2);

test.each([
  ['all is well', good, good, [], { passed: 18, failed: 0, skipped: 4 }],
  ['a test failed', report(9, 1, 0), good, ['tests'], { passed: 18, failed: 1, skipped: 2 }],
  [
    'a test of each step failed',
    report(9, 1, 0),
    report(5, 2, 0),
    ['tests', 'long'],
    { passed: 14, failed: 3, skipped: 0 },
  ],
  ['a file of tests did not load', good, report(9, 0, 0, 1), ['long'], { passed: 18, failed: 1, skipped: 2 }],
  ['the runner failed though no test did', good, good, ['tests'], { passed: 18, failed: 1, skipped: 4 }],
  ['the checks failed', good, good, ['checks'], { passed: 18, failed: 1, skipped: 4 }],
  [
    'everything failed',
    report(9, 2, 0),
    undefined,
    ['peers', 'tests', 'long', 'checks'],
    { passed: 9, failed: 5, skipped: 0 },
  ],
  ['a report is absent', good, undefined, [], { passed: 9, failed: 1, skipped: 2 }],
  ['no test ran', report(0, 0, 0), good, [], { passed: 9, failed: 1, skipped: 2 }],
  ['all were skipped', good, report(0, 0, 5), [], { passed: 9, failed: 1, skipped: 7 }],
])('%s', (_, tests, long, failedSteps, count) => {
  expect(
    countTests(
      new Map([
        ['tests', tests],
        ['long', long],
      ]),
      failedSteps,
    ),
  ).toEqual(count);
});

test('the line stands alone, and the exit status agrees with it', async () => {
  await using scratch = await makeScratch('count');
  const path = join(scratch.path, 'tests.json');
  const script = join(root, 'scripts/count-tests.ts');
  writeFileSync(path, report(3, 0, 1));
  expect(execFileSync(process.execPath, [script, path], { encoding: 'utf8' })).toBe('3 passed, 0 failed, 1 skipped\n');
  const { status, stdout } = spawnSync(process.execPath, [script, path, '--', 'checks'], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([1, '3 passed, 1 failed, 1 skipped\n']);
});
