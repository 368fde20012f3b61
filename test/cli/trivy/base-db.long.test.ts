import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeGzip, encodeTar } from '#archive';
import { digestOf, type JsonObject } from '#core';
import { json as value, writeTree } from '../../artifacts/trivy-merge/fixture.ts';
import { readJson } from '../../core/read-json.ts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { serving } from '../../server/serving.ts';
import { cli, cliJson as json } from '../command-line.ts';

const servers = serving();

let dir: string;
/** Files of the test's folder. */
const at = (name: string) => join(dir, name);
const layout = (name: string) => `oci:${at('layout')}:${name}`;

const record = (id: string, name: string, more: JsonObject = {}): JsonObject => ({
  id,
  modified: '2026-02-01T00:00:00Z',
  affected: [
    {
      package: { ecosystem: 'npm', name },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '2.0.0' }] }],
    },
  ],
  ...more,
});

beforeEach(async () => {
  dir = await makeTempDir();
  await writeFile(at('base.json'), JSON.stringify(record('GHSA-aaaa-aaaa-aaaa', 'official')));
  await writeFile(at('own.json'), JSON.stringify(record('ACME-1', 'ours', { modified: '2026-03-01T00:00:00Z' })));
  for (const name of ['keys', 'others']) await cli('keys', 'generate', '--out', at(name));
  await json('export', ...profile, '--source', at('base.json'), '--to', layout('base'), '--key', at('keys/cosign.key'));
});

const profile = ['--profile', 'trivy:db'];

const exported = (...args: string[]) => cli('export', ...profile, '--unsigned', '--to', layout('refused'), ...args);

async function inspected(name: string): Promise<Record<string, unknown>> {
  return json('trivy', 'inspect', layout(name));
}

/** What the provenances in the layout name as what went in. */
async function dependencies(): Promise<unknown[]> {
  const folder = at('layout/blobs/sha256');
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .filter((text) => text.startsWith('{"payload'))
    .map((text) => Buffer.from(String(readJson(text)['payload']), 'base64').toString('utf8'))
    .filter((text) => text.includes('resolvedDependencies'))
    .flatMap((text) => {
      const { predicate } = readJson(text) as { predicate: { buildDefinition: { resolvedDependencies: unknown[] } } };
      return predicate.buildDefinition.resolvedDependencies;
    });
}

describe('--base-db', () => {
  test('gives the same bytes again, names the base in export.json and provenance, and verifies', async () => {
    const args = ['export', ...profile, '--source', at('own.json'), '--base-db', layout('base')];
    const first = await json(...args, '--to', layout('one'), '--key', at('keys/cosign.key'));
    const again = await json(...args, '--to', `oci:${at('other')}:two`, '--unsigned');
    expect(again['digest']).toBe(first['digest']);
    const { digest } = await inspected('base');
    expect(first).toMatchObject({ asOf: '2026-03-01T00:00:00Z', merge: { digest }, records: { kept: 1 } });
    const verified = await cli('verify', layout('one'), '--key', at('keys/cosign.pub'));
    expect(verified).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringContaining(`into the trivy.db ${digest}\n`),
    });
    const proof = await json('verify', layout('one'), '--key', at('keys/cosign.pub'));
    expect(proof).toMatchObject({ merge: { digest } });

    const { referrers } = first as { referrers: { artifactType: string; digest: string }[] };
    const manifest = referrers.find(({ artifactType }) => artifactType.includes('export.manifest'))?.digest;
    await json('pull', `oci:${at('layout')}@${manifest}`, '--dir', at('pulled'));
    const text = await readFile(at('pulled/export.json'), 'utf8');
    expect(readJson(text)).toMatchObject({
      version: '1.2.0',
      inputs: { options: { base: { digest } } },
      merge: { conflicts: [] },
    });
    const { artifact } = await inspected('base');
    expect(await dependencies()).toContainEqual({
      name: 'layout',
      uri: 'file:layout',
      digest: { sha256: String(artifact).slice('sha256:'.length) },
    });
  });

  test('is the artifact, the layer or the file in it: all give one export.json', async () => {
    await json('pull', layout('base'), '--dir', at('pulled'));
    const layer = at('pulled/db.tar.gz');
    const pinned = `${layer}@${digestOf(await readFile(layer))}`;
    const digests = [];
    for (const base of [layout('base'), layer, pinned]) {
      const args = ['--source', at('own.json'), '--base-db', base, '--to', layout('same'), '--unsigned'];
      digests.push((await json('export', ...profile, ...args))['digest']);
    }
    expect(new Set(digests).size).toBe(1);
  });

  test('alone is published again as it was', async () => {
    const signed = await json('export', ...profile, '--base-db', layout('base'), '--to', layout('alone'), '--unsigned');
    const [before, after] = [await inspected('base'), await inspected('alone')];
    expect(after['digest']).toBe(before['digest']);
    expect(signed).toMatchObject({ asOf: '2026-02-01T00:00:00Z', records: { kept: 0 } });
    expect(await cli('trivy', 'diff', layout('base'), layout('alone'))).toMatchObject({
      status: 0,
      out: '0 appear, 0 disappear, 0 change\n',
    });
  });

  test('must be pinned or verified where it is a tag of a registry', async () => {
    const { port } = await servers.start();
    const place = `127.0.0.1:${port}/official/trivy-db`;
    await json('copy', layout('base'), `${place}:2`);
    const refused = await exported('--source', at('own.json'), '--base-db', `${place}:2`);
    expect([refused.status, refused.out]).toEqual([2, '']);
    const pinned = /--base-db (\S+@sha256:\w+)/.exec(refused.err)?.[1] ?? '';
    expect(pinned).toContain(place);
    expect((await exported('--source', at('own.json'), '--base-db', pinned)).status).toBe(0);
    const byKey = ['--source', at('own.json'), '--base-db', `${place}:2`, '--base-db-key'];
    expect((await exported(...byKey, at('keys/cosign.pub'))).status).toBe(0);
    const wrong = await exported(...byKey, at('others/cosign.pub'));
    expect([wrong.status, wrong.err]).toEqual([3, expect.stringContaining('ERR_EXPORT_SIGNATURE_MISSING')]);
    const other = `${place}@${digestOf('another')}`;
    expect((await exported('--source', at('own.json'), '--base-db', other)).err).toContain('ERR_EXPORT_NOT_FOUND');
  });

  test('is refused where it is damaged, or not the file that was pinned', async () => {
    const path = await writeTree(at('trivy.db'), {
      'debian 12': Object.fromEntries(
        Array.from({ length: 300 }, (_, i) => [`package-${i}`, { 'CVE-1': value({ FixedVersion: '1' }) }]),
      ),
    });
    const pinned = `${path}@${digestOf(await readFile(path))}`;
    const args = ['--source', at('own.json'), '--base-db'];
    expect((await exported(...args, pinned)).status).toBe(0);
    const bytes = await readFile(path);
    bytes.writeUInt16LE(0x1234, 3 * 4096 + 8);
    await writeFile(path, bytes);
    const changed = await exported(...args, pinned);
    expect([changed.status, changed.err]).toEqual([3, expect.stringContaining('ERR_EXPORT_DIGEST_MISMATCH')]);
    const damaged = await exported(...args, path);
    expect([damaged.status, damaged.err]).toEqual([3, expect.stringContaining('ERR_EXPORT_CONTENT_MISMATCH')]);
  });

  test('without a date needs one', async () => {
    const path = await writeTree(at('trivy.db'), {
      'npm::x': { lodash: { 'CVE-1': value({ VulnerableVersions: ['<1'] }) } },
      vulnerability: { 'CVE-1': value({ Title: 't' }) },
    });
    const refused = await exported('--base-db', path);
    expect([refused.status, refused.err]).toEqual([2, expect.stringContaining('--as-of')]);
    expect((await exported('--base-db', path, '--as-of', '2026-01-01T00:00:00Z')).status).toBe(0);
  });

  test('is scoped by the selector, which says what is gone', async () => {
    const path = await writeTree(at('trivy.db'), {
      'Red Hat': { bash: { 'RHSA-1': value({ Entries: [] }) } },
      'Red Hat CPE': { repository: { r: '[0]' } },
      'npm::x': { lodash: { 'CVE-1': value({ VulnerableVersions: ['<1'] }) } },
      vulnerability: { 'CVE-1': value({ Title: 't' }), 'CVE-2': value({ Title: 'u' }) },
    });
    const args = ['--base-db', path, '--as-of', '2026-01-01T00:00:00Z', '--ecosystem', 'npm'];
    const { status, out } = await exported(...args);
    expect(status).toBe(0);
    expect(out).toContain('5 keys: 2 kept, 0 replaced, 0 united, 0 removed, 3 left out; 0 added');
    expect(out).toContain('left out by --ecosystem: 2 keys');
    expect(out).toContain('left out as no advisory names them: 1 key');
    expect(out).toContain('scans of RHEL and CentOS images fail');
  });

  test('has the dates that were asked for, a bucket of vulnerabilities, and private advisories by the prefix of their ids', async () => {
    const base = await writeTree(at('trivy.db'), {
      'debian 12': { bash: { 'CVE-1': value({ FixedVersion: '1' }) } },
      'npm::x': { lodash: { 'CVE-2': value({ VulnerableVersions: ['<1'] }) } },
    });
    const dates = ['--as-of', '2026-05-01T00:00:00Z', '--valid-for', '6h'];
    const rule = ['--data-source', 'ACME-=acme,Acme,https://acme.example/'];
    await exported('--source', at('own.json'), '--base-db', base, ...dates, ...rule);
    const merged = await inspected('refused');
    expect(merged['metadata']).toEqual({
      version: 2,
      updatedAt: '2026-05-01T00:00:00Z',
      nextUpdate: '2026-05-01T06:00:00Z',
    });
    const source = { id: 'acme', name: 'Acme', url: 'https://acme.example/' };
    expect(merged['buckets']).toContainEqual(expect.objectContaining({ name: 'npm::Acme', keys: 1, source }));
    await exported('--base-db', base, ...dates, '--ecosystem', 'debian:12');
    const { buckets } = (await inspected('refused')) as { buckets: { name: string; keys: number }[] };
    expect(buckets.map(({ name, keys }) => `${name} ${keys}`)).toEqual(['debian 12 1', 'vulnerability 0']);
  });

  test('may be named by its own data sources in the precedence, and by no other', async () => {
    const base = await writeTree(at('trivy.db'), {
      'data-source': { 'npm::GitLab': value({ ID: 'glad', Name: 'GitLab', URL: 'https://gitlab.com/' }) },
      'npm::GitLab': { ours: { 'ACME-1': value({ VulnerableVersions: ['<1'] }) } },
    });
    const args = ['--source', at('own.json'), '--base-db', base, '--source-precedence'];
    expect(await exported(...args, 'glad')).toMatchObject({ status: 0, out: expect.stringContaining('outranked: 1') });
    const unknown = await exported(...args, 'glod');
    expect(unknown).toMatchObject({ status: 2, err: expect.stringContaining('"glod": not the id of a data source') });
  });

  test('warns of an ecosystem that neither database has, and is refused where nothing is left', async () => {
    const args = ['--base-db', layout('base'), '--ecosystem', 'npn'];
    const some = await exported(...args, '--ecosystem', 'npm');
    expect(some).toMatchObject({
      status: 0,
      out: expect.stringContaining('warning: --ecosystem npn: neither database'),
    });
    expect(some.out).not.toContain('--ecosystem npm:');
    const all = await json('export', ...profile, '--unsigned', '--to', layout('all'), ...args, '--ecosystem', 'npm');
    expect(all).toMatchObject({ merge: { ecosystemsNotFound: ['npn'] } });
    const none = await exported(...args);
    expect(none.status).toBe(2);
    expect(none.err).toContain(`ERR_EXPORT_SELECTION_EMPTY: no advisories left: none of ${layout('base')} match`);
  });

  test.each([
    ['a directory', async () => at('layout'), 2, 'layout: a directory, not a Trivy database\nhint: .*oci:DIR:NAME'],
    ['another file', async () => at('own.json'), 3, 'own\\.json: invalid bbolt file'],
    [
      'an archive with another file under its name',
      async () => {
        const content = Buffer.alloc(9000);
        const tar = encodeGzip(encodeTar([{ path: 'trivy.db', size: content.byteLength, content }], { mtime: 1 }));
        await writeFile(at('db.tar.gz'), Buffer.concat(await Array.fromAsync(tar)));
        return at('db.tar.gz');
      },
      3,
      'db\\.tar\\.gz: invalid bbolt file',
    ],
  ])('is refused by its own name where it is %s', async (_, make, status, message) => {
    const path = await make();
    for (const refused of [
      await exported('--base-db', path),
      await cli('trivy', 'inspect', path),
      await cli('trivy', 'diff', layout('base'), path),
    ]) {
      expect(refused).toMatchObject({ status, err: expect.stringMatching(new RegExp(message)) });
    }
  });

  test.each([
    ['two of them', [...profile, '--base-db', 'x.db', '--base-db', 'y.db'], 'specify one database'],
    ['another profile', ['--profile', 'json:raw', '--base-db', 'x.db'], '--profile json:raw'],
    ['ids', [...profile, '--base-db', 'x.db', '--id', 'CVE-1'], '--id'],
    [
      'a key without a base',
      [...profile, '--source', 'x', '--base-db-key', 'k.pub'],
      '--base-db-key requires --base-db',
    ],
    ['a key with a file', [...profile, '--base-db', 'x.db', '--base-db-key', 'k.pub'], 'which has no signature'],
    ['neither records nor a base', profile, '--source or --base-db is required'],
  ])("can't be used with %s", async (_, args, message) => {
    const { status, err } = await cli('plan', ...args);
    expect([status, err]).toEqual([2, expect.stringContaining(message)]);
  });
});
