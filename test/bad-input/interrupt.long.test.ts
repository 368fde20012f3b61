import { once } from 'node:events';
import { access, readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { advisory } from '../fixtures/records.ts';
import { RegistryDouble } from '../oci/registry-double.ts';
import { expectFailure, type Failure } from './failures.ts';
import { CliFixture, type Outcome, sample } from './fixture.ts';
import { prove } from './proof.ts';

const interrupted: Failure = { code: 'ERR_EXPORT_INTERRUPTED', hint: /run the same command again/ };
const incomplete: Failure = {
  code: 'ERR_EXPORT_INCOMPLETE',
  says: /bytes were sent/,
  hint: /run the same command again/,
};
/** From the signal to the end of the process, on a machine that does other things too. */
const PATIENCE_MS = 5_000;

let fixture: CliFixture;
beforeAll(async () => {
  fixture = await CliFixture.open();
  const { exit, stderr } = await fixture.run(['keys', 'generate', '--out', 'keys']);
  if (exit !== 0) throw new Error(stderr);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const exporting = (to: string, profile = 'json:raw') => [
  'export',
  '--profile',
  profile,
  '--source',
  sample,
  '--key',
  'keys/cosign.key',
  '--to',
  to,
];

function interruptedAt(path: string, count: number, args: readonly string[]): Promise<Outcome> {
  return fixture.run(args, {
    preload: [join(import.meta.dirname, 'signal-at-open.process.ts')],
    env: { SIGNAL_AT: path, SIGNAL_COUNT: String(count) },
  });
}

async function isTagged(reference: string): Promise<boolean> {
  const repository = await openRepository(parseReference(reference), { create: true });
  try {
    return (await repository.resolve('1')) !== undefined;
  } finally {
    await repository.close();
  }
}

async function expectRepair(reference: string, profile = 'json:raw'): Promise<void> {
  // The sample holds records that a Trivy database has no place for.
  const stderr = profile === 'trivy:db' ? expect.stringMatching(/^left out \("losses"/) : '';
  expect(await fixture.run(exporting(reference, profile))).toMatchObject({ exit: 0, stderr });
  await prove(reference, join(fixture.path, 'keys/cosign.pub'));
  expect(await fixture.leftovers()).toEqual([]);
}

describe('Ctrl-C before anything is sent: 130, and nothing is there', () => {
  test.each([
    ['the key is read', 'cosign\\.key$', 1, 'json:raw'],
    ['the first record is read', '/osv/', 1, 'json:raw'],
    ['the last records are read', '/osv/', 28, 'json:raw'],
    ['the first layer is packed', '/staging/', 2, 'json:raw'],
    ['the last layers are packed', '/staging/', 9, 'json:raw'],
    ['the database is written', 'trivy\\.db$', 1, 'trivy:db'],
  ])('%s', async (_, path, count, profile) => {
    const layout = `oci:early-${path.replace(/\W/g, '')}-${count}:1`;
    await expectFailure(fixture, await interruptedAt(path, count, exporting(layout, profile)), interrupted);
    expect(await isTagged(`oci:${join(fixture.path, layout.slice(4))}`)).toBe(false);
    await expectRepair(`oci:${join(fixture.path, layout.slice(4))}`, profile);
  });
});

describe('Ctrl-C while a layout is written: the tag has not moved', () => {
  // The first file says that it is a layout; layers are so small that many are on their way before the first
  // is there, and that one may be written before the signal is heard.
  test.each([
    [1, [interrupted]],
    [7, [interrupted, incomplete]],
    [12, [interrupted, incomplete]],
    [17, [interrupted, incomplete]],
    [20, [incomplete]],
    [24, [incomplete]],
  ])('at its file %i', async (count, failures) => {
    const reference = `oci:${join(fixture.path, `layout-${count}`)}:1`;
    const outcome = await interruptedAt(`/layout-${count}/.*\\.tmp$`, count, exporting(reference));
    const failure = failures.find(({ code }) => outcome.stderr.includes(code)) ?? (failures[0] as Failure);
    await expectFailure(fixture, outcome, failure);
    expect(await isTagged(reference)).toBe(false);
    const files = await readdir(join(fixture.path, `layout-${count}`), { recursive: true });
    expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await expectRepair(reference);
  });
});

describe('Ctrl-C while a registry is asked', () => {
  let registry: RegistryDouble;
  beforeEach(async () => {
    registry = await RegistryDouble.start();
  });
  afterEach(() => registry.close());

  const steps: readonly (readonly [name: string, method: string, path: RegExp])[] = [
    ['whether a manifest is there', 'HEAD', /\/manifests\/sha256:/],
    ['whether a blob is there', 'HEAD', /\/blobs\/sha256:/],
    ['to begin an upload', 'POST', /\/blobs\/uploads\//],
    ['to take a blob', 'PUT', /\/blobs\/uploads\//],
    ['to take a manifest', 'PUT', /\/manifests\/sha256:/],
    ['for referrers', 'GET', /\/referrers\//],
    ['for a signature', 'HEAD', /\/manifests\/sha256-\w+\.sig$/],
    ['to take a signature', 'PUT', /\/manifests\/sha256-\w+\.sig$/],
    ['to take a provenance', 'PUT', /\/manifests\/sha256-\w+\.att$/],
    ['to set the tag', 'PUT', /\/manifests\/1$/],
  ];

  test.each(steps)('%s: 5 when something was sent, else 130; the same command goes on', async (_, method, path) => {
    const reference = `${registry.host}/inter/rupted:1`;
    const running = fixture.start(exporting(reference));
    let [sent, signalled] = [false, 0];
    // It never answers: nothing but the signal ends the request.
    registry.fault = (request, __, at) => {
      if (request.method !== method || !path.test(at)) {
        sent ||= request.method === 'PUT';
        return false;
      }
      sent ||= request.method === 'PUT';
      if (signalled === 0) running.child.kill('SIGINT');
      signalled ||= performance.now();
      return true;
    };
    const outcome = await running.outcome();
    expect(signalled, outcome.stderr).toBeGreaterThan(0);
    expect(performance.now() - signalled).toBeLessThan(PATIENCE_MS);
    await expectFailure(fixture, outcome, sent ? incomplete : interrupted);
    expect(registry.tags.has('inter/rupted 1')).toBe(false);
    registry.fault = undefined;
    const before = registry.count('PUT', /uploads/);
    await expectRepair(reference);
    // What had arrived is not sent again: eight layers and six blobs of signatures.
    if (sent && method === 'GET') expect(registry.count('PUT', /uploads/) - before).toBeLessThan(8);
  });

  test('while it verifies: 130', async () => {
    const reference = `${registry.host}/inter/rupted:1`;
    await expectRepair(reference);
    const running = fixture.start(['verify', reference, '--key', 'keys/cosign.pub']);
    let signalled = false;
    registry.fault = (request, _, at) => {
      if (request.method !== 'GET' || !/blobs/.test(at)) return false;
      if (!signalled) running.child.kill('SIGINT');
      signalled = true;
      return true;
    };
    await expectFailure(fixture, await running.outcome(), interrupted);
  });

  test('while it waits for a registry that asked for patience: 130', async () => {
    registry.fault = (_, response) => {
      response.setHeader('retry-after', '30');
      response.writeHead(503).end();
      return true;
    };
    const running = fixture.start(['verify', `${registry.host}/x:1`, '--key', 'keys/cosign.pub']);
    while (registry.seen.length === 0) await sleep(20);
    setTimeout(() => running.child.kill('SIGINT'), 300);
    const from = performance.now();
    await expectFailure(fixture, await running.outcome(), interrupted);
    expect(performance.now() - from).toBeLessThan(PATIENCE_MS);
  });

  test('a second Ctrl-C ends it at once', async () => {
    const running = fixture.start(['verify', `${registry.host}/x:1`, '--key', 'keys/cosign.pub']);
    registry.fault = () => {
      running.child.kill('SIGINT');
      running.child.kill('SIGTERM');
      return true;
    };
    expect((await running.outcome()).exit).toBe(130);
  });
});

describe('Ctrl-C at any moment of a long run is heard at once', () => {
  test.each(['json:raw', 'trivy:db'])(
    '%s',
    async (profile) => {
      const lines = Array.from({ length: 20_000 }, (_, i) => {
        const events = [{ introduced: '0' }, { fixed: `1.${i}` }];
        const affected = [
          { package: { ecosystem: 'PyPI', name: `thing-${i}` }, ranges: [{ type: 'ECOSYSTEM', events }] },
        ];
        return `${JSON.stringify(advisory(`LONG-${i}`, { details: 'long '.repeat(200), affected }))}\n`;
      });
      const source = await fixture.file('long.jsonl', lines.join(''));
      const layout = profile.replace(':', '-');
      const args = [
        'export',
        '--profile',
        profile,
        '--source',
        source,
        '--key',
        'keys/cosign.key',
        '--to',
        `oci:${layout}:1`,
      ];
      const begin = performance.now();
      expect(await fixture.run(['plan', ...args.slice(1, 5)])).toMatchObject({ exit: 0 });
      const wholeMs = performance.now() - begin;
      for (let i = 1; i <= 6; i++) {
        const running = fixture.start(args);
        await sleep((wholeMs * i) / 7);
        running.child.kill('SIGINT');
        const from = performance.now();
        const outcome = await running.outcome();
        expect(performance.now() - from).toBeLessThan(PATIENCE_MS);
        // Before the program has begun, the signal itself ends the process.
        if (outcome.exit === null) expect(await fixture.leftovers()).toEqual([]);
        else if (outcome.exit !== 0)
          await expectFailure(fixture, outcome, outcome.exit === 5 ? incomplete : interrupted);
      }
      expect(await fixture.run(args)).toMatchObject({ exit: 0, stderr: '' });
      await prove(`oci:${join(fixture.path, layout)}:1`, join(fixture.path, 'keys/cosign.pub'));
    },
    180_000,
  );
});

describe('Ctrl-C ends what serves, with 0', () => {
  test('serve: the port is free again, also with a client that holds its connection', async () => {
    const running = fixture.start(['serve', '--data', 'served', '--listen', '127.0.0.1:0']);
    const [, port] = await running.said(/http:\/\/127\.0\.0\.1:(\d+)/);
    const client = connect(Number(port), '127.0.0.1');
    await once(client, 'connect');
    client.on('error', () => undefined);
    running.child.kill('SIGINT');
    expect(await running.outcome(15_000)).toMatchObject({ exit: 0, stderr: '' });
    client.destroy();
  });

  test('quickstart, and while it works: what was made serves the next run', async () => {
    const working = await interruptedAt('/osv/', 3, ['quickstart', '--data', 'data']);
    await expectFailure(fixture, working, interrupted);
    await access(join(fixture.path, 'data/keys/cosign.key'));
    const running = fixture.start(['quickstart', '--data', 'data']);
    await running.said(/Serving until Ctrl-C/);
    running.child.kill('SIGINT');
    expect(await running.outcome(15_000)).toMatchObject({ exit: 0 });
  });
});
