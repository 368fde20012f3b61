import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { parseReference } from '#oci/image';
import { openLayout } from '#oci/layout';
import { openRepository } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { pushArtifact } from '../../oci/content.ts';
import { RegistryDouble, send, sendError } from '../../oci/registry-double.ts';
import { serving } from '../../server/serving.ts';
import { cli, cliJson } from '../command-line.ts';

const { start } = serving();

let dir: string;
let double: RegistryDouble;
let place: string;
let artifact: Descriptor;
beforeEach(async () => {
  dir = await makeTempDir();
  double = await RegistryDouble.start();
  place = `${double.host}/team/app`;
  const repository = await openRepository(parseReference(place));
  artifact = await pushArtifact(repository, 'artifact');
  for (const tag of ['v1', 'v2', 'v3', 'v4', 'v5']) await repository.tag(artifact, tag);
  await repository.close();
});
afterEach(async () => {
  await double.close();
});

async function makeLayout(): Promise<string> {
  const layout = await openLayout(join(dir, 'layout'), { create: true });
  await layout.tag(await pushArtifact(layout, 'tagged'), 'v1');
  await pushArtifact(layout, 'untagged');
  await layout.tag(await pushArtifact(layout, 'lost'), 'gone');
  await layout.close();
  return `oci:${dir}/layout`;
}

test('a registry is asked for the list alone; with --long for each tag', async () => {
  double.seen.length = 0;
  expect(await cli('ls', place)).toEqual({ status: 0, out: 'v1\nv2\nv3\nv4\nv5\n', err: '' });
  expect(double.count('GET', /tags/)).toBe(2);
  expect(double.seen.length).toBe(2);
  expect(await cliJson('ls', place)).toMatchObject({ tags: [{ tag: 'v1' }, {}, {}, {}, {}] });
  const { digest, size, mediaType } = artifact;
  const long = await cli('ls', '--long', place);
  expect(long.out.split('\n')[0]).toBe(`v1\t${digest}\t${size}\t${mediaType}`);
  expect(double.count('HEAD', /manifests/)).toBe(5);
});

test('a tag or a digest is refused, with the repository to name instead', async () => {
  const layout = await makeLayout();
  for (const [name, repository] of [
    [`${place}:v1`, place],
    [`${place}@${artifact.digest}`, place],
    [`${layout}:v1`, layout],
  ] as const) {
    for (const args of [['ls'], ['copy', '--all-tags', `oci:${dir}/target`]]) {
      expect(await cli(...args, name)).toMatchObject({
        status: 2,
        out: '',
        err: expect.stringContaining(`takes a repository without a tag or digest\nhint: specify ${repository}, `),
      });
    }
  }
});

test('a layout without tags is listed as empty, and says how to list what it holds; one with tags says nothing', async () => {
  const layout = await openLayout(join(dir, 'bare'), { create: true });
  const image = await pushArtifact(layout, 'image');
  await layout.close();
  const bare = `oci:${dir}/bare`;
  expect(await cli('ls', bare)).toEqual({
    status: 0,
    out: '',
    err: `note: ${bare} has no tags; list its manifests with --untagged\n`,
  });
  expect((await cli('ls', '--untagged', bare)).out).toContain(image.digest);
  await cli('untag', `${await makeLayout()}:v1`);
  expect((await cli('ls', `oci:${dir}/layout`)).err).toBe('');
});

test('a tag that leads to nothing is listed, and marked with --long', async () => {
  double.tags.set('team/app v2', `sha256:${'0'.repeat(64)}`);
  expect((await cli('ls', place)).out).toContain('v2\n');
  expect((await cli('ls', '-l', place)).out).toContain('v2\t-\t-\t-\tmissing\n');
  const { tags } = await cliJson('ls', '--long', place);
  expect(tags).toMatchObject([{ tag: 'v1', digest: artifact.digest }, { tag: 'v2', state: 'missing' }, {}, {}, {}]);
});

test('names that cannot be tags are listed and marked', async () => {
  double.fault = (_request, response, path) => {
    if (!path.includes('/tags/list')) return false;
    send(response, 200, {}, Buffer.from(JSON.stringify({ name: 'team/app', tags: ['v1', '-bad\t\x1b[2J'] })));
    return true;
  };
  expect((await cli('ls', place)).out).toBe('v1\n-bad\\u0009\\u001b[2J\tinvalid\n');
  expect((await cli('ls', '--long', place)).out).toContain('-bad\\u0009\\u001b[2J\t-\t-\t-\tinvalid\n');
  expect(await cliJson('ls', place)).toMatchObject({ tags: [{ tag: 'v1' }, { state: 'invalid' }] });
});

test('a repository that is not there is not found', async () => {
  const { address } = await start();
  for (const [where, args] of [
    [`${address}/no/such`, []],
    [`${address}/no/such`, ['--long', '--output', 'ndjson']],
    [`oci:${dir}/nowhere`, []],
  ] as const) {
    expect(await cli('ls', where, ...args)).toMatchObject({
      status: 1,
      out: '',
      err: expect.stringContaining('ERR_EXPORT_NOT_FOUND'),
    });
  }
  const missing = await cli('copy', '--all-tags', `${address}/no/such`, `oci:${dir}/copy`);
  expect([missing.status, missing.err]).toEqual([1, expect.stringContaining('repository not found')]);
});

test.each([
  ['pages', (path: string) => [404, `<p>no ${path}`]],
  ['one page for everything', () => [200, '<html>welcome</html>']],
  ['JSON of something else', () => [200, '{"hello":"world"}']],
] as const)('a web server of %s is not a registry', async (_, answer) => {
  const server = createServer((request, response) => {
    const [status, body] = answer(request.url ?? '');
    response.writeHead(status as number, { 'content-type': 'text/html' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    for (const words of [
      ['ls', `${host}/a`],
      ['ls', '-l', `${host}/a`],
      ['copy', '--all-tags', `${host}/a`, `oci:${dir}/x`],
    ]) {
      const { status, out, err } = await cli(...words);
      expect([words, status, out, err]).toEqual([
        words,
        1,
        '',
        expect.stringContaining('ERR_EXPORT_REGISTRY_PROTOCOL'),
      ]);
    }
    for (const verb of ['discover', 'inspect']) expect((await cli(verb, `${host}/a:1`)).status).toBe(1);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('of a layout: tags, those that lead to nothing, and with --untagged the manifests without a tag', async () => {
  const layout = await makeLayout();
  const opened = await openLayout(join(dir, 'layout'));
  const [tagged, lost] = [await opened.resolve('v1'), await opened.resolve('gone')];
  expect((await cli('ls', layout)).out).toBe('gone\nv1\n');
  await rm(join(dir, 'layout/blobs/sha256', (lost as Descriptor).digest.slice(7)));
  expect(await cliJson('ls', '--long', layout)).toMatchObject({
    tags: [
      { tag: 'gone', state: 'missing' },
      { tag: 'v1', digest: tagged?.digest },
    ],
  });
  const { untagged } = (await cliJson('ls', '--untagged', layout)) as { untagged: { digest: string }[] };
  expect(untagged).toHaveLength(1);
  const [{ digest }] = untagged as [{ digest: string }];
  expect((await cli('ls', layout, '--untagged')).out).toMatch(new RegExp(`^${digest}\t\\d+\t.*json\n$`));
  expect(await cliJson('inspect', `${layout}@${digest}`)).toMatchObject({ descriptor: { digest } });
});

test('--untagged is for layouts', async () => {
  const { status, err } = await cli('ls', '--untagged', place);
  expect([status, err]).toEqual([1, expect.stringContaining('ERR_EXPORT_UNSUPPORTED')]);
});

test('untag: removes tags of a registry, a layout and an archive, and nothing else', async () => {
  const { address } = await start();
  const layout = await makeLayout();
  const archive = `oci-archive:${dir}/a.tar`;
  await cli('copy', `${layout}:v1`, `${address}/app`);
  await cli('copy', `${layout}:v1`, archive);
  for (const at of [`${address}/app`, layout, archive]) {
    await cli('tag', `${at}:v1`, 'v2', 'v3', 'v4');
    const { untagged } = (await cliJson('untag', `${at}:v1`, 'v2')) as { untagged: { digest: string }[] };
    expect(untagged).toMatchObject([
      { tag: 'v1', kept: true },
      { tag: 'v2', kept: true },
    ]);
    const digest = untagged[0]?.digest as string;
    expect((await cli('untag', `${at}:v3@${digest}`)).out).toBe(`untagged v3 from ${digest}\n`);
    const left = (await cli('ls', at)).out.split('\n');
    expect(left.filter((tag) => /^v\d/.test(tag))).toEqual(['v4']);
    expect((await cli('inspect', `${at}@${digest}`)).status).toBe(0);
    expect((await cli('untag', `${at}:v4`)).status).toBe(0);
    expect((await cli('inspect', `${at}@${digest}`)).status).toBe(0);
    expect(await cli('untag', `${at}:v4`)).toMatchObject({
      status: 1,
      err: expect.stringContaining('tag v4 not found'),
    });
  }
});

test('untag: of a digest that the tag does not point at, of no tag, of what is no tag', async () => {
  const other = `sha256:${'0'.repeat(64)}`;
  expect((await cli('untag', `${place}:v1@${other}`)).status).toBe(3);
  expect((await cli('untag', `${place}@${artifact.digest}`)).status).toBe(2);
  expect((await cli('untag', place)).status).toBe(2);
  expect((await cli('untag', `${place}:v1`, '-bad')).status).toBe(2);
  expect((await cli('untag', `${place}:v1@${artifact.digest}`, 'v2')).status).toBe(2);
  expect((await cli('ls', place)).out).toBe('v1\nv2\nv3\nv4\nv5\n');
});

test('untag: a tag that leads to nothing goes too', async () => {
  const layout = await makeLayout();
  const lost = (await (await openLayout(join(dir, 'layout'))).resolve('gone')) as Descriptor;
  await rm(join(dir, 'layout/blobs/sha256', lost.digest.slice(7)));
  expect((await cli('untag', `${layout}:gone`)).status).toBe(0);
  expect((await cli('ls', layout)).out).toBe('v1\n');
});

test.each([400, 405])('untag: a registry that does not do that (%d) is said so', async (status) => {
  double.fault = (request, response) => {
    if (request.method !== 'DELETE') return false;
    sendError(response, status, 'UNSUPPORTED');
    return true;
  };
  const ended = await cli('untag', `${place}:v1`);
  expect(ended).toMatchObject({ status: 1, err: expect.stringContaining('does not support removing single tags') });
});

test('untag: a registry that removes the manifest too is told of', async () => {
  double.fault = (request, response) => {
    if (request.method !== 'DELETE') return false;
    double.tags.clear();
    double.manifests.clear();
    send(response, 202, {});
    return true;
  };
  const { status, err } = await cli('untag', `${place}:v1`);
  expect([status, err]).toEqual([0, expect.stringContaining(`removed ${artifact.digest}`)]);
});
