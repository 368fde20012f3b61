import { describe, expect, it } from 'vitest';
import { refusal } from './refusal.ts';
import { clientOf, type Members, newKey, Simulator } from './simulator.ts';

describe('delegations', () => {
  function published(build: (simulator: Simulator) => void): Simulator {
    const simulator = new Simulator();
    build(simulator);
    simulator.targets.version++;
    simulator.publish();
    return simulator;
  }

  it('are asked depth first, in their order (CVE-2024-47534)', async () => {
    const simulator = published((it) => {
      for (const name of ['a', 'b']) it.delegate(name, ['*']);
      it.delegate('c', ['*'], 'a');
      it.addTarget('b', 'x', 'of b');
      it.addTarget('c', 'x', 'of c');
    });
    expect(await (await clientOf(simulator).refresh()).find('x')).toMatchObject({ role: 'c' });
  });

  it('end at a terminating one (CVE-2025-2886)', async () => {
    const simulator = published((it) => {
      it.delegate('a', ['*'], 'targets', true);
      it.delegate('b', ['*']);
      it.addTarget('b', 'x', 'of b');
    });
    expect(await (await clientOf(simulator).refresh()).find('x')).toBeUndefined();
  });

  it('may form a circle', async () => {
    const simulator = published((it) => {
      it.delegate('a', ['*']);
      it.delegate('b', ['*'], 'a');
      it.delegate('a', ['*'], 'b');
    });
    expect(await (await clientOf(simulator).refresh()).find('x')).toBeUndefined();
  });

  it('do not let a role speak of names that are not its own', async () => {
    const simulator = published((it) => {
      it.delegate('feed', ['feed.*.json']);
      it.addTarget('feed', 'other.1.json', 'x');
      it.addTarget('feed', 'feed.x/1.json', 'x');
    });
    const repository = await clientOf(simulator).refresh();
    expect(await repository.find('other.1.json')).toBeUndefined();
    expect(await repository.find('feed.x/1.json')).toBeUndefined();
  });

  it('are verified again when the delegator names another key, also what the state holds', async () => {
    const simulator = published((it) => it.delegate('feed', ['*']));
    const { refresh } = clientOf(simulator);
    await (await refresh()).find('x');
    const [delegation] = simulator.targets.delegations;
    const kept = simulator.file('1.feed.json');
    if (delegation !== undefined) delegation.keys = [newKey()];
    simulator.targets.version++;
    simulator.publish();
    simulator.files.set('metadata/1.feed.json', kept);
    simulator.publish('online');
    await expect((await refresh()).find('x')).rejects.toThrow(refusal('ERR_EXPORT_SIGNATURE_INVALID', '1.feed.json'));
  });

  it('to a role that the snapshot does not list are refused', async () => {
    const simulator = published((it) => it.delegate('feed', ['*']));
    simulator.delegated.delete('feed');
    simulator.publish();
    const repository = await clientOf(simulator).refresh();
    await expect(repository.find('x')).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'feed.json: missing'));
  });

  it('to one role from two others are verified with the keys of each (diamond)', async () => {
    const shared = newKey();
    const simulator = published((it) => {
      for (const name of ['a', 'b']) it.delegate(name, [`${name}*`]);
      it.delegate('shared', ['a*'], 'a').keys = [shared];
      it.delegate('shared', ['b*'], 'b').keys = [newKey()];
      it.addTarget('shared', 'a1', 'one');
      it.addTarget('shared', 'b1', 'one');
      it.tamper.set('shared', {
        document: (document) => {
          document.signatures = document.signatures.filter(({ keyid }) => keyid === shared.keyid);
        },
      });
    });
    const repository = await clientOf(simulator).refresh();
    expect(await repository.find('a1')).toMatchObject({ role: 'shared' });
    await expect(repository.find('b1')).rejects.toThrow(refusal('ERR_EXPORT_SIGNATURE_INVALID', 'shared.json'));
  });

  it.each([
    ['other bytes', (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString().replace('{', '{ '))],
    ['fewer bytes', (bytes: Uint8Array) => bytes.subarray(0, -1)],
  ])('to a role with %s than the snapshot lists are refused (CVE-2026-6967)', async (_, change) => {
    const simulator = published((it) => it.delegate('feed', ['*']));
    simulator.files.set('metadata/1.feed.json', change(simulator.file('1.feed.json')));
    const repository = await clientOf(simulator).refresh();
    await expect(repository.find('x')).rejects.toThrow();
    expect(await repository.targets()).toMatchObject({ signed: { version: 2 } });
  });

  it('are followed to 32 roles and no further', async () => {
    const simulator = published((it) => {
      for (let i = 1; i < 40; i++) it.delegate(`r${i}`, ['*'], i === 1 ? 'targets' : `r${i - 1}`);
    });
    const repository = await clientOf(simulator).refresh();
    await expect(repository.find('x')).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', 'more than 32 roles'));
  });

  it('by prefixes of hashes are followed', async () => {
    const simulator = published((it) => {
      it.delegate('bin', []);
      it.addTarget('bin', 'x', 'content');
      it.tamper.set('targets', {
        signed: (signed) => {
          const [role] = (signed['delegations'] as { roles: Members[] }).roles;
          // SHA-256 of "x" begins with 2d.
          delete (role as Members)['paths'];
          Object.assign(role as Members, { path_hash_prefixes: ['2d'] });
        },
      });
    });
    const repository = await clientOf(simulator).refresh();
    expect(await repository.find('x')).toMatchObject({ role: 'bin' });
    expect(await repository.find('y')).toBeUndefined();
  });
});

describe('targets', () => {
  it.each([
    ['other bytes', (files: Map<string, Uint8Array>, name: string) => files.set(name, Buffer.from('two'))],
    ['fewer bytes', (files: Map<string, Uint8Array>, name: string) => files.set(name, Buffer.from('on'))],
    ['no bytes', (files: Map<string, Uint8Array>, name: string) => void files.delete(name)],
  ])('with %s are refused', async (_, change) => {
    const simulator = new Simulator();
    simulator.addTarget('targets', 'x', 'one');
    simulator.targets.version++;
    simulator.publish();
    const repository = await clientOf(simulator).refresh();
    const found = await repository.find('x');
    change(simulator.files, [...simulator.files.keys()].find((name) => name.startsWith('targets/')) as string);
    const attempt = repository.download(found as NonNullable<typeof found>);
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'x: '));
  });
});
