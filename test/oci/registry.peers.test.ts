import { expect, test } from 'vitest';
import { parseReference } from '#oci/image';
import { copy, type OpenOptions, openRepository } from '#oci/transfer';
import { describePeers, registryLogin, startDockerRegistry } from '../peers/peers.ts';
import { describe, inPieces, listAll, noise, pushArtifact, readAll } from './content.ts';
import { repositoryContract } from './contract.ts';

describePeers(['docker-registry'], 'docker-registry', () => {
  repositoryContract('docker-registry', async () => {
    const registry = await startDockerRegistry({ deletes: true });
    const open = () => openRepository(parseReference(`${registry.host}/team/app`), { env: {} });
    const repository = await open();
    return {
      repository,
      removesTags: false,
      reopen: open,
      dispose: async () => {
        await repository.close();
        await registry.stop();
      },
    };
  });

  test('docker-registry: with a password, and without the right one', async () => {
    const registry = await startDockerRegistry({ htpasswd: true });
    try {
      const open = (options: OpenOptions) =>
        openRepository(parseReference(`${registry.host}/a`), { env: { HOME: '/nonexistent' }, ...options });
      const repository = await open({ credential: { kind: 'password', ...registryLogin } });
      const manifest = await pushArtifact(repository, 'x');
      await repository.tag(manifest, 'v1');
      expect((await repository.resolve('v1'))?.digest).toBe(manifest.digest);
      await repository.close();
      for (const options of [{}, { credential: { kind: 'password', username: 'peer', password: 'no' } as const }]) {
        const other = await open(options);
        await expect(other.resolve('v1')).rejects.toMatchObject({ code: 'ERR_EXPORT_UNAUTHORIZED' });
        await other.close();
      }
    } finally {
      await registry.stop();
    }
  });

  test('docker-registry: large blobs, mounts, and referrers by the fallback tag', async () => {
    const registry = await startDockerRegistry({ deletes: true });
    try {
      const [from, to] = await Promise.all(
        ['from', 'to'].map((name) => openRepository(parseReference(`${registry.host}/${name}`), { env: {} })),
      );
      if (from === undefined || to === undefined) throw new Error('not opened');
      const large = noise(20_000_000);
      expect(await from.push(describe(large), inPieces(large, 100_000))).toBe('uploaded');
      expect(Buffer.compare(await readAll(await from.fetch(describe(large))), large)).toBe(0);
      const root = await pushArtifact(from, 'root');
      const signatures = await Promise.all([1, 2, 3].map((i) => pushArtifact(from, `sig ${i}`, { subject: root })));
      const report = await copy(from, to, [root], { referrers: true });
      expect(report.referrers).toHaveLength(3);
      expect([...report.outcomes.values()].filter((outcome) => outcome === 'mounted').length).toBeGreaterThan(0);
      const found = await listAll(to.referrers(root.digest));
      expect(found.map(({ digest }) => digest).sort()).toEqual(signatures.map(({ digest }) => digest).sort());
      // Another client deletes one and says nothing to the list, which this registry will not take any more as it is.
      const [gone, ...stay] = signatures;
      const url = `http://${registry.host}/v2/to/manifests/${gone?.digest}`;
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(202);
      const next = await pushArtifact(to, 'next', { subject: root });
      const listed = await listAll(to.referrers(root.digest));
      expect(listed.map(({ digest }) => digest).sort()).toEqual([...stay, next].map(({ digest }) => digest).sort());
      await from.close();
      await to.close();
    } finally {
      await registry.stop();
    }
  });
});
