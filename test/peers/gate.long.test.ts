import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { type RunResult, runCommand, testPeers } from './peers.ts';

let emptyCache: string;
beforeAll(async () => {
  emptyCache = await makeTempDir();
});

async function runFixture(env: Record<string, string>): Promise<RunResult & { outcome: unknown }> {
  const script = join(import.meta.dirname, 'gate.process.ts');
  const result = await runCommand(process.execPath, [script], { env });
  return { ...result, outcome: readJson(result.stdout) };
}

test('absent peers: their tests are skipped, and one line names all of them and the remedy', async () => {
  const { code, stderr, outcome } = await runFixture({ EXPORT_CENTER_PEERS: emptyCache });
  expect(code).toBe(0);
  expect(outcome).toEqual({ passed: ['three'], failed: [], skipped: ['one', 'two', 'with one peer'] });
  expect(stderr).toBe(
    '3 tests skipped, absent peers: crane 0.22.1, oras 1.3.6; install them with test/peers/install\n',
  );
});

test('absent peers with CI=true: a failed test for each', async () => {
  const { code, outcome } = await runFixture({ EXPORT_CENTER_PEERS: emptyCache, CI: 'true' });
  expect(code).toBe(1);
  expect(outcome).toEqual({
    passed: ['three'],
    failed: ['has its peer oras', 'has its peer crane', 'with one peer'],
    skipped: [],
  });
});

testPeers(['oras', 'crane'], 'peers that are there: their tests run and nothing is said', async () => {
  const { EXPORT_CENTER_PEERS = '', XDG_CACHE_HOME = '' } = process.env;
  const env = { HOME: homedir(), EXPORT_CENTER_PEERS, XDG_CACHE_HOME, CI: 'true' };
  const { code, outcome, stderr } = await runFixture(env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(outcome).toEqual({ passed: ['one', 'two', 'with one peer', 'three'], failed: [], skipped: [] });
});
