import { defineConfig } from 'vitest/config';
import { AbsentPeersReporter } from './test/peers/absent-reporter.ts';

/** A file for the outcome of each test as JSON, which `.ci/run` counts. */
const { TEST_REPORT } = process.env;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // On a machine that others use as well, a test that races real processes may be late once. Twice is a failure.
    retry: process.env['CI'] === 'true' ? 1 : 0,
    reporters: [
      'default',
      new AbsentPeersReporter(),
      ...(TEST_REPORT === undefined ? [] : [['json', { outputFile: TEST_REPORT }] as ['json', object]]),
    ],
  },
});
