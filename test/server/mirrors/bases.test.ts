import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { digestOf, mediaTypes } from '#core';
import { readJson } from '../../core/read-json.ts';
import { pushTagged } from '../../mirror/kit-fixture.ts';
import { cliBytes, jsonOf, startRegistry, within } from '../../mirror/mirror-fixture.ts';
import { serving } from '../serving.ts';
import { json, type MirrorServer, offerOf, openMirrorServer, problemOf } from './fixture.ts';

const { start } = serving();
const LIST = { 'content-type': mediaTypes.mirrorDigests };

/** A second snapshot, with one image more. */
async function publishNext({ registry, mirror }: MirrorServer): Promise<void> {
  await within(`${registry.host}/apps/api`, (repository) => pushTagged(repository, '3.0', 'new'));
  jsonOf(await mirror.snapshot('--output', 'json'));
}

/** All digests that a snapshot lists. */
async function digestsOf({ ask }: MirrorServer, digest: string): Promise<string[]> {
  const document = readJson(await (await ask(`/snapshots/${digest}`)).text()) as {
    repositories: { manifests: { digest: string }[]; blobs: { digest: string }[] }[];
  };
  return document.repositories.flatMap(({ manifests, blobs }) => [...manifests, ...blobs].map((each) => each.digest));
}

/** The tar of a kit from the server. */
async function kitOf({ server }: MirrorServer, href: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(`${server.url}${href}`)).arrayBuffer());
}

test('the kit of a delta from a snapshot is that of mirror export --base', async () => {
  const served = await openMirrorServer(start);
  const first = await served.plan();
  await publishNext(served);
  const delta = await served.plan({ bases: [{ snapshot: first['snapshot'] }] });
  expect(delta).toMatchObject({
    sequence: 2,
    bases: [{ kind: 'snapshot', digest: first['snapshot'] }],
    tags: { new: 1, moved: 0, removed: 0 },
  });
  expect(delta.tarBytes).toBeLessThan(first.tarBytes);
  await served.mirror.exportTo(served.mirror.path('d.tar'), '--base', String(first['snapshot']));
  expect((await kitOf(served, delta.href)).equals(await readFile(served.mirror.path('d.tar')))).toBe(true);
});

test('the kit of a delta from a digest list is that of mirror export --base list:FILE', async () => {
  const served = await openMirrorServer(start);
  const first = await served.plan();
  const digests = await digestsOf(served, String(first['snapshot']));
  await publishNext(served);
  const list = `${digests.join('\n')}\n`;
  const answer = await served.ask('/deltas', { method: 'POST', body: list, headers: LIST });
  const delta = readJson(await answer.text()) as { href: string; bases: unknown };
  expect(delta.bases).toEqual([
    {
      kind: 'list',
      digest: digestOf(
        [...new Set(digests)]
          .sort()
          .map((each) => `${each}\n`)
          .join(''),
      ),
    },
  ]);
  await writeFile(served.mirror.path('list'), list);
  await served.mirror.exportTo(served.mirror.path('d.tar'), '--base', `list:${served.mirror.path('list')}`);
  expect((await kitOf(served, delta.href)).equals(await readFile(served.mirror.path('d.tar')))).toBe(true);
});

test('several bases give one kit for all of them', async () => {
  const served = await openMirrorServer(start);
  const first = await served.plan();
  await publishNext(served);
  const second = await served.plan();
  const both = await served.plan({ bases: [{ snapshot: first['snapshot'] }, { snapshot: second['snapshot'] }] });
  const older = await served.plan({ bases: [{ snapshot: first['snapshot'] }] });
  expect(both['contentBytes']).toBe(older['contentBytes']);
  expect(both['bases']).toHaveLength(2);
});

test('a registry is asked only if the operator allowed it', async () => {
  const zone = await startRegistry();
  const allowed = await openMirrorServer(start, { allow: [zone.host] });
  await within(`${zone.host}/apps/api`, (repository) => pushTagged(repository, '2.0', 'web'));
  const delta = await allowed.plan({ bases: [{ registry: zone.host }] });
  expect(delta).toMatchObject({ bases: [{ kind: 'registry' }], reliedOn: { files: 2 } });
  const post = (registry: string) =>
    problemOf(allowed.ask('/deltas', { method: 'POST', ...json({ bases: [{ registry }] }) }));

  // Anything that listens would be told from what does not.
  let asked = 0;
  const other = createServer((_, response) => response.end(String(++asked))).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  for (const registry of [
    `127.0.0.1:${port}`,
    `${zone.host}@127.0.0.1:${port}`,
    `localhost:${port}/x`,
    'list:/etc/passwd',
    '169.254.169.254',
    `http://127.0.0.1:${port}/`,
  ]) {
    expect(await post(registry), registry).toMatchObject({ status: 403, code: 'ERR_EXPORT_FORBIDDEN' });
  }
  expect(await post(`${zone.host}/UPPER`)).toMatchObject({ status: 400 });
  expect(asked).toBe(0);
  other.close();
});

test('bases that are none are problems of the request', async () => {
  const { ask } = await openMirrorServer(start);
  const post = (init: RequestInit) => problemOf(ask('/deltas', { method: 'POST', ...init }));
  const unknown = { snapshot: `sha256:${'a'.repeat(64)}` };
  expect(await post(json({ bases: [unknown] }))).toMatchObject({
    status: 400,
    code: 'ERR_EXPORT_NOT_FOUND',
    problem: { hint: expect.stringContaining('main.1') as string },
  });
  expect(await post(json({ bases: [{}] }))).toMatchObject({ status: 400, code: 'ERR_EXPORT_SCHEMA' });
  expect(await post(json({ bases: [{ ...unknown, registry: 'a' }] }))).toMatchObject({ status: 400 });
  expect(await post({ body: `${unknown.snapshot}\nnot a digest\n`, headers: LIST })).toMatchObject({
    status: 400,
    code: 'ERR_EXPORT_DIGEST_INVALID',
    problem: { detail: expect.stringContaining('line 2') as string },
  });
  expect(await post({ body: unknown.snapshot, headers: LIST })).toMatchObject({ status: 400 });
});

test('an empty digest list is that of a zone that has nothing', async () => {
  const { ask, plan } = await openMirrorServer(start);
  const full = await plan();
  const answer = await ask('/deltas', { method: 'POST', body: '', headers: LIST });
  expect(readJson(await answer.text())).toMatchObject({
    contentBytes: full['contentBytes'],
    bases: [{ kind: 'list' }],
  });
});

test('a receipt of a known zone is a base; others are problems that say which one', async () => {
  const served = await openMirrorServer(start);
  const { mirror } = served;
  const zone = await startRegistry();
  expect((await mirror.exportTo(mirror.path('first.tar'))).status).toBe(0);
  const zoneKey = ['--zone-key', mirror.path('zone.pem')];
  const imported = await mirror.importTo(mirror.path('first.tar'), zone.host, ...zoneKey, '--output', 'json');
  const path = String(jsonOf(imported)['receipt']);
  const receipt = readJson(await readFile(path, 'utf8')) as Record<string, unknown>;
  const post = (body: unknown) => problemOf(served.ask('/deltas', { method: 'POST', ...json(body) }));
  expect(await post({ bases: [{ receipt }] })).toMatchObject({ status: 400, code: 'ERR_EXPORT_MIRROR_SPEC' });

  await mirror.writeSpec('  - { name: "apps/*", signatures: none }\n');
  const spec = await readFile(mirror.spec, 'utf8');
  await writeFile(mirror.spec, spec.replace('tuf: tuf', 'tuf: tuf\nzones: zones'));
  const other = await openOther(served);
  expect(await other.post({ bases: [{ receipt }] })).toMatchObject({
    status: 400,
    code: 'ERR_EXPORT_SIGNATURE_INVALID',
    problem: { detail: expect.stringContaining('bases/0/receipt') as string },
  });
  const add = ['mirror', 'zone', 'add', mirror.spec, 'plant', '--key', mirror.path('zone.pem.pub')];
  expect((await cliBytes(...add)).status).toBe(0);
  await publishNext(served);
  const planned = await other.plan({ bases: [{ receipt }] });
  expect(planned).toMatchObject({
    sequence: 2,
    bases: [{ kind: 'receipt', digest: digestOf(await readFile(path)) }],
    tags: { new: 1 },
  });
  const forged = { ...receipt, payload: `${String(receipt['payload']).slice(0, -8)}AAAAAAA=` };
  expect(await other.post({ bases: [{ receipt: forged }] })).toMatchObject({ status: 400 });
});

/** A second server over the same mirror, whose spec has changed. */
async function openOther({ mirror }: MirrorServer) {
  const server = await start({ mirrors: [await offerOf(mirror.spec, {})] });
  const ask = (body: unknown) => fetch(`${server.url}/v1/mirrors/main/deltas`, { method: 'POST', ...json(body) });
  return {
    post: (body: unknown) => problemOf(ask(body)),
    plan: async (body: unknown) => readJson(await (await ask(body)).text()) as Record<string, unknown>,
  };
}
