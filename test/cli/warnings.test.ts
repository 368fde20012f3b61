import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLayout } from '#oci/layout';
import { createProgressLine } from '../../src/cli/progress.ts';
import { run } from '../../src/cli/run.ts';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { pushArtifact } from '../oci/content.ts';
import { RegistryDouble, sendError } from '../oci/registry-double.ts';
import { cli } from './command-line.ts';
import { fakeIo } from './fake-io.ts';

let dir: string;
let place: string;
let double: RegistryDouble;

beforeEach(async () => {
  dir = await makeTempDir();
  place = `oci:${dir}/source:v1`;
  const source = await openLayout(join(dir, 'source'), { create: true });
  await source.tag(await pushArtifact(source, 'artifact'), 'v1');
  await source.close();
  double = await RegistryDouble.start();
});

afterEach(async () => {
  await double.close();
});

/** Sends these with every answer of the double. */
function warnWith(...values: string[]): void {
  double.fault = (_, response) => {
    response.setHeader('warning', values);
    return false;
  };
}

test('what a registry wants its users to know is told once, on stderr', async () => {
  warnWith('299 - "Your auth token will expire in 30 seconds."', '299 - "second", 110 - "Response is Stale"');
  const { status, out, err } = await cli('copy', '--verify', place, `${double.host}/team/app`, '--output', 'json');
  expect(status).toBe(0);
  expect(err).toBe(
    `warning: ${double.host}: Your auth token will expire in 30 seconds.\nwarning: ${double.host}: second\n`,
  );
  expect(readJson(out)).toMatchObject({ fidelity: { complete: true, damaged: [] } });
});

test('a registry that warns of everything is heard for a while', async () => {
  let count = 0;
  double.fault = (_, response) => {
    response.setHeader(
      'warning',
      Array.from({ length: 15 }, () => `299 - "no. ${count++} ${'x'.repeat(500)}"`),
    );
    return false;
  };
  const { status, err } = await cli('copy', place, `${double.host}/team/app`);
  expect(status).toBe(0);
  expect(count).toBeGreaterThan(30);
  const lines = err.trim().split('\n');
  expect(lines).toHaveLength(20);
  for (const line of lines) expect(line.length).toBeLessThan(350);
});

test('--quiet: nothing is told', async () => {
  warnWith('299 - "noise"');
  expect(await cli('inspect', `${double.host}/team/app:v1`, '--quiet')).toMatchObject({ status: 1 });
  expect((await cli('copy', place, `${double.host}/team/app`, '--quiet')).err).toBe('');
});

test('on a terminal a warning takes the place of the progress line, and nothing in it is obeyed', () => {
  const io = fakeIo({ terminal: true });
  let now = 0;
  const line = createProgressLine(io, false, () => now);
  line.listen({ stage: 'send', done: 0, total: 100, unit: 'bytes' });
  now = 1000;
  line.listen({ stage: 'send', done: 50, total: 100, unit: 'bytes' });
  const drawn = io.err().length;
  line.warn({ host: 'registry.example', text: 'be\u001b[2Kware' });
  expect(io.err().slice(drawn)).toBe('\r\x1b[Kwarning: registry.example: be\\u001b[2Kware\n');
});

test('on a terminal a command that draws nothing tells it on a line of its own', async () => {
  await cli('copy', place, `${double.host}/team/app`);
  let left = 1;
  double.fault = (request, response, path) => {
    response.setHeader('warning', '299 - "beware"');
    if (request.method !== 'GET' || !path.includes('/tags/list') || left-- <= 0) return false;
    response.setHeader('retry-after', '1');
    sendError(response, 429, 'TOOMANYREQUESTS', 'slowly');
    return true;
  };
  const io = fakeIo({ terminal: true });
  expect(await run(['ls', `${double.host}/team/app`], io)).toBe(0);
  expect(io.err()).toMatch(/^warning: .*: beware\nwaiting \d s for .*: slowly\n$/);
});

test('pull: on a terminal waiting is told on the line of progress, which is gone before the result', async () => {
  await cli('copy', place, `${double.host}/team/app`);
  let left = 1;
  double.fault = (request, response) => {
    if (request.method !== 'GET' || left-- <= 0) return false;
    response.setHeader('retry-after', '1');
    sendError(response, 429, 'TOOMANYREQUESTS', 'slowly');
    return true;
  };
  const io = fakeIo({ terminal: true, columns: 300 });
  expect(await run(['pull', `${double.host}/team/app:v1`, '-o', join(dir, 'out')], io)).toBe(0);
  const [before, waiting, cleared = '', ...more] = io.err().split('\r');
  expect([before, waiting, more]).toEqual(['', expect.stringMatching(/^waiting \d s for .*: slowly/), []]);
  // The artifact's layer has no title, which is a line of its own.
  expect(cleared.replace('\u001b[K', '>')).toMatch(/^>note: .*\n$/);
});
