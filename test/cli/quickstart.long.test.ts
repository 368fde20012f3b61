import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { linesToPaste } from '../../src/cli/quickstart/lines.ts';
import { run } from '../../src/cli/run.ts';
import { readJson } from '../core/read-json.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { fakeIo } from './fake-io.ts';
import { startQuickstart } from './quickstart-session.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

test('once: exports, signs and verifies; a second run sends nothing, signs nothing anew, and says so', async () => {
  const [first, second] = [fakeIo(), fakeIo()];
  const args = ['quickstart', '--once', '--data', join(dir, 'data')];
  expect(await run(args, first)).toBe(0);
  expect(await run(args, second)).toBe(0);
  const digests = (text: string) => text.match(/^ {2}sha256:[0-9a-f]{64}$/gm);
  expect(digests(first.out())).toHaveLength(2);
  expect(digests(second.out())).toEqual(digests(first.out()));
  expect(first.out().match(/sent; signed, with provenance/g)).toHaveLength(2);
  expect(second.out().match(/0 bytes sent; signature and provenance already present, nothing signed/g)).toHaveLength(2);
  for (const io of [first, second]) {
    expect(io.out().match(/verified with the public key alone/g)).toHaveLength(2);
    expect(io.out()).toContain('with an empty password');
    expect(io.err()).toBe('');
  }
});

test('mirror: a kit crosses, a damaged one is refused; a second run publishes and sends nothing', async () => {
  const [first, second] = [fakeIo(), fakeIo()];
  const args = ['quickstart', '--mirror', '--once', '--output', 'json', '--data', join(dir, 'data')];
  expect(await run(args, first)).toBe(0);
  expect(await run(args, second)).toBe(0);
  const [one, two] = [readJson(first.out()), readJson(second.out())] as Record<string, never>[];
  const importOf = (result: Record<string, never> | undefined) => result?.['import'] as unknown as object;
  expect(one).toMatchObject({ refused: { code: 'ERR_EXPORT_KIT_INVALID' }, snapshot: { sequence: 1, isNew: true } });
  expect(importOf(one)).toMatchObject({ stream: 'sample', fidelity: { lacking: [], referrers: 4 } });
  expect(two).toMatchObject({ snapshot: { sequence: 1, isNew: false } });
  expect(importOf(two)).toMatchObject({ bytesSent: 0, fidelity: { lacking: [] } });
});

test('serves until Ctrl-C, which is a good end; two at a time take two ports', async () => {
  const [one, two] = [await startQuickstart(join(dir, 'a')), await startQuickstart(join(dir, 'b'))];
  for (const { registry } of [one, two]) expect((await fetch(`${registry}/healthz`)).status).toBe(200);
  expect(two.registry).not.toBe(one.registry);
  for (const { stop } of [one, two]) expect(await stop()).toBe(0);
  await expect(fetch(`${one.registry}/healthz`)).rejects.toThrow();
});

test('the lines are those of the README, which are tried on stock tools', async () => {
  const readme = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
  const blocks = [...readme.matchAll(/```sh\n(.*?)```/gs)].map((match) => (match[1] ?? '').replaceAll(/\\\n +/g, ''));
  const written = blocks.flatMap((block) => block.split('\n'));
  const address = '127.0.0.1:8080/demo';
  const place = { cwd: '/here', data: '/here/data', app: '/here/examples/app' };
  const lines = linesToPaste({ ...place, records: `${address}/evidence:1`, database: `${address}/trivy-db:2` });
  expect(lines[0]).toBe('cd /here');
  for (const line of lines
    .slice(1)
    .flatMap((text) => text.split(' && (cd').map((part, i) => (i ? `(cd${part}` : part)))) {
    // The README shows cosign on the database, and once.
    if (!line.endsWith('/evidence:1')) expect(written).toContain(line);
  }
});

test('every line keeps to what is its own: trivy to a cache, cosign to an empty trusted root', () => {
  const place = { cwd: '/here', data: "/here/it's here", app: '/there/app', records: 'r:1', database: 'd:2' };
  const lines = linesToPaste(place);
  for (const line of lines.filter((text) => text.startsWith('trivy '))) {
    expect(line).toContain(`--cache-dir 'it'\\''s here/trivy-cache'`);
  }
  const cosigns = lines.filter((text) => text.startsWith('cosign '));
  expect(cosigns.length).toBeGreaterThan(0);
  for (const line of cosigns) {
    expect(line).toContain(`--insecure-ignore-tlog --trusted-root 'it'\\''s here/trust/trusted_root.json'`);
  }
  expect(lines.some((line) => line.startsWith('trivy ') && line.endsWith('../there/app'))).toBe(true);
});
