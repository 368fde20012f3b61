import { defineConfig } from 'vitest/config';
import { AbsentPeersReporter } from './test/peers/absent-reporter.ts';

/** A file for the outcome of each test as JSON, which `.ci/run` counts. */
const { TEST_REPORT } = process.env;

/** Kills, races, whole sessions of the command line and files that take long (`long`), and judgements by tools of others (`peers`). */
const LONG = ['test/**/*.{long,peers}.test.ts'];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: LONG } },
      { extends: true, test: { name: 'long', include: LONG, testTimeout: 120_000, hookTimeout: 300_000 } },
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: [
      'minimal',
      new AbsentPeersReporter(),
      ...(TEST_REPORT === undefined ? [] : [['json', { outputFile: TEST_REPORT }] as ['json', object]]),
    ],
  },
});
