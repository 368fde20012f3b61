import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseReference, type Repository } from '#oci/image';
import { copy, listRoots, openRepository, verifyCopy } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describeRealData } from '../../line/real-data.ts';
import { peerPath, requirePeer, runCommand, startDockerRegistry } from '../../peers/peers.ts';

const shared = join(import.meta.dirname, '../../../../shared');
/** What the maker of the mirror calls them, and what they are here. */
const tools = { oras: 'oras', cosign2: 'cosign26', cosign3: 'cosign3', bbolt: 'bbolt' } as const;
const repositories = ['security/trivy-db', 'apps/web', 'apps/api', 'evidence/sboms'];

/** The builder as the maker of the mirror calls it: the folder for the database, that of the records, their ecosystems. */
const referenceDb = `#!/bin/sh
exec '${peerPath('trivydb-ref')}' "$1" \\
  go govulndb Go https://pkg.go.dev/vuln/ "$2/go" pip osv PyPI https://osv.dev/ "$2/pip"
`;

describeRealData(['docker-registry', 'trivydb-ref', ...Object.values(tools)], 'the reference mirror', () => {
  test('is copied whole: straight, and through a layout for each repository', {
    timeout: 300_000,
  }, async () => {
    const dir = await makeTempDir();
    const [from, to, straight] = await Promise.all([1, 2, 3].map(() => startDockerRegistry({ deletes: true })));
    if (from === undefined || to === undefined || straight === undefined) throw new Error('not started');
    try {
      const count = (...args: string[]) => runCommand(join(shared, 'tools/count-mirror'), args);
      await fill(dir, from.host);
      expect((await count(from.host, to.host)).code).toBe(1);
      for (const name of repositories) {
        const layout = `oci:${join(dir, name.replace('/', '-'))}`;
        await copyAll(`${from.host}/${name}`, layout);
        await copyAll(layout, `${to.host}/${name}`);
        await copyAll(`${from.host}/${name}`, `${straight.host}/${name}`);
      }
      for (const { host } of [to, straight])
        expect(await count('-v', from.host, host)).toMatchObject({ code: 0, stderr: '' });
    } finally {
      for (const registry of [from, to, straight]) await registry.stop();
    }
  });
});

async function fill(dir: string, host: string): Promise<void> {
  const bin = join(dir, 'tools');
  await mkdir(bin);
  for (const [name, peer] of Object.entries(tools)) await symlink(requirePeer(peer), join(bin, name));
  await writeFile(join(bin, 'trivydb-ref'), referenceDb, { mode: 0o755 });
  const args = ['--tools', bin, '--data', join(shared, 'data'), '--small', 'day1', host, join(dir, 'mirror')];
  const made = await runCommand(join(shared, 'tools/make-reference-mirror'), args, { timeoutMs: 240_000 });
  expect(made.code, made.stderr).toBe(0);
}

async function copyAll(from: string, to: string): Promise<void> {
  const open = (text: string, create: boolean): Promise<Repository> =>
    openRepository(parseReference(text), { env: {}, create });
  const [source, target] = [await open(from, false), await open(to, true)];
  try {
    const { tags, untagged, missing } = await listRoots(source);
    const roots = [...tags.map(({ descriptor }) => descriptor), ...untagged];
    const report = await copy(source, target, roots, { referrers: true, tags, keepGoing: true });
    expect([missing, report.missing, report.refused, report.incomplete]).toEqual([[], [], [], []]);
    expect(await verifyCopy(target, report)).toEqual([]);
  } finally {
    await source.close();
    await target.close();
  }
}
