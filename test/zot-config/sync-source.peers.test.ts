import { expect, test } from 'vitest';
import { fillSource } from '../mirror/kit-fixture.ts';
import { openMirror, within } from '../mirror/mirror-fixture.ts';
import { describePeers, runPeer } from '../peers/peers.ts';
import { serving } from '../server/serving.ts';

const { start } = serving();

// zot's sync uses regclient: it lists repositories page by page, then tags, and copies referrers and cosign's tags.
describePeers(['regctl'], 'serve as a source of zot sync', () => {
  test('regclient finds every repository and tag, and copies referrers and the tags of cosign', async () => {
    const source = await start();
    const target = await start();
    const hosts = [source, target].flatMap(({ address }) => ['--host', `reg=${address},tls=disabled`]);
    const regctl = async (...args: string[]) => {
      const { code, stdout, stderr } = await runPeer('regctl', [...hosts, ...args]);
      expect(code, stderr).toBe(0);
      return stdout.trim().split('\n').filter(Boolean);
    };
    const { cosign } = await openMirror(source.address);
    await fillSource(source.address, cosign.signer);

    const repositories: string[] = [];
    for (let last: string | undefined = ''; last !== undefined; last = repositories.at(-1)) {
      const after: string[] = last === '' ? [] : ['--last', last];
      const page = await regctl('repo', 'ls', source.address, '--limit', '1', ...after);
      if (page.length === 0) break;
      repositories.push(...page);
    }
    expect(repositories).toEqual(['apps/api', 'apps/web']);
    for (const repository of repositories) {
      for (const tag of await regctl('tag', 'ls', `${source.address}/${repository}`)) {
        const names = [source, target].map(({ address }) => `${address}/${repository}:${tag}`);
        await regctl('image', 'copy', '--referrers', '--digest-tags', ...names);
      }
    }
    const stateOf = (address: string) =>
      within(`${address}/apps/web`, async (repository) => {
        const tags = await Array.fromAsync(repository.tags());
        const web = await repository.resolve('1.0');
        if (web === undefined) throw new Error(`${address}: no tag 1.0`);
        const referrers = await Array.fromAsync(repository.referrers(web.digest));
        return { tags, referrers: referrers.map(({ digest }) => digest).sort() };
      });
    const copied = await stateOf(target.address);
    expect(copied).toEqual(await stateOf(source.address));
    expect(copied.tags.some((tag) => tag.endsWith('.sig'))).toBe(true);
    expect(copied.referrers).toHaveLength(2);
  });
});
