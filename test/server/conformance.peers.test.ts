import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore, openStoreRepository } from '#oci/store';
import { listAll, pushArtifact, pushBytes } from '../oci/content.ts';
import { describePeers, runPeer } from '../peers/peers.ts';
import { alice, writeUsers } from './access/users.ts';
import { serving } from './serving.ts';

const { start, folder } = serving();

/** How the cases of a run ended. */
interface Report {
  readonly code: number;
  readonly files: readonly string[];
  readonly result: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Runs the program of the distribution-spec against a registry and prints what it found. */
async function judge(address: string, env: Record<string, string>): Promise<Report> {
  const results = await folder();
  const { code, stdout } = await runPeer('oci-conformance', [], {
    env: { OCI_REGISTRY: address, OCI_TLS: 'disabled', OCI_RESULTS_DIR: results, ...env },
  });
  const summary = stdout.slice(stdout.indexOf('OCI Conformance Result:'));
  console.log(`${Object.entries(env).flat().join(' ')}\n${summary}`);
  const counts = [...summary.matchAll(/^ {2}(\w+)\.+: +(\d+)$/gm)].map(([, name = '', count]) => [name, Number(count)]);
  return {
    code,
    files: await readdir(results),
    result: /Result: (\w+)/.exec(summary)?.[1] ?? '',
    counts: Object.fromEntries(counts) as Record<string, number>,
  };
}

describePeers(['oci-conformance'], 'the OCI conformance program', () => {
  test('version 1.1: every case of all groups passes', async () => {
    const { address } = await start();
    const { code, files, result, counts } = await judge(address, { OCI_VERSION: '1.1' });
    expect(files.toSorted()).toEqual(['junit.xml', 'report.html', 'results.yaml']);
    expect(counts).toMatchObject({ FAIL: 0, Skip: 0, Error: 0 });
    // Cancelling an upload is a case that version 1.1 leaves out by itself, once for each digest algorithm.
    expect(counts['Disabled']).toBe(2);
    expect(counts['Pass']).toBeGreaterThan(800);
    expect({ code, result }).toEqual({ code: 0, result: 'Pass' });
  });

  test('what will be the next version: every case passes, none is left out', async () => {
    const { address } = await start();
    const { code, counts } = await judge(address, { OCI_VERSION: 'dev' });
    expect(counts).toMatchObject({ FAIL: 0, Skip: 0, Error: 0, Disabled: 0 });
    expect(code).toBe(0);
  });

  test('with users: every case passes with a password, and none without', async () => {
    const { address } = await start({ htpasswdFile: await writeUsers(await folder()) });
    const login = { OCI_USERNAME: alice.username, OCI_PASSWORD: alice.password };
    const { code, result, counts } = await judge(address, { OCI_VERSION: '1.1', ...login });
    expect(counts).toMatchObject({ FAIL: 0, Skip: 0, Error: 0 });
    expect(counts['Pass']).toBeGreaterThan(800);
    expect({ code, result }).toEqual({ code: 0, result: 'Pass' });
    const other = await judge(address, { OCI_VERSION: '1.1' });
    expect(other.result).not.toBe('Pass');
  });

  test('read-only: all that can be read passes', async () => {
    const dataDir = await folder();
    const store = await openStore(join(dataDir, 'registry'), { tenant: 'default' });
    const repository = openStoreRepository(store, 'conformance/repo1');
    const blob = await pushBytes(repository, Buffer.from('a layer'), 'text/plain');
    const root = await pushArtifact(repository, 'a layer');
    await pushArtifact(repository, 'signature', { subject: root });
    await repository.tag(root, 'latest');
    expect(await listAll(repository.referrers(root.digest))).toHaveLength(1);

    const { address, url } = await start({ dataDir, readOnly: true });
    // The program cannot write its files, nor tell a failure by its exit, when a case that it knows never ran.
    const { result, counts } = await judge(address, {
      OCI_VERSION: '1.1',
      OCI_API_PUSH: 'false',
      OCI_API_BLOBS_DELETE: 'false',
      OCI_API_MANIFESTS_DELETE: 'false',
      OCI_API_TAGS_DELETE: 'false',
      OCI_RO_DATA_TAGS: 'latest',
      OCI_RO_DATA_MANIFESTS: root.digest,
      OCI_RO_DATA_BLOBS: blob.digest,
      OCI_RO_DATA_REFERRERS: root.digest,
    });
    expect(counts).toMatchObject({ FAIL: 0, Skip: 0, Error: 0 });
    expect(counts['Pass']).toBeGreaterThanOrEqual(14);
    expect(result).toBe('Pass');
    const write = await fetch(`${url}/v2/conformance/repo1/blobs/uploads/`, { method: 'POST' });
    expect(write.status).toBe(405);
  });
});
