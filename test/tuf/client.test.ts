import { describe, expect, it } from 'vitest';
import { type Instant, isCoded } from '#core';
import { memoryState } from '../../src/tuf/client/state.ts';
import { readJson } from '../core/read-json.ts';
import { refusal } from './refusal.ts';
import { clientOf, LATER, type Members, NOW, newKey, Simulator, signatureOf } from './simulator.ts';

/** The signed part of a document as it was published. */
function partOf(bytes: Uint8Array | undefined): Members {
  return (readJson(Buffer.from(bytes ?? []).toString()) as Members)['signed'] as Members;
}

describe('a sound repository', () => {
  it('is refreshed, and its targets are found and downloaded', async () => {
    const simulator = new Simulator();
    simulator.delegate('feed', ['feed.*.json']);
    simulator.addTarget('feed', 'feed.1.json', 'one');
    simulator.targets.version++;
    simulator.publish();
    const { refresh, state } = clientOf(simulator);
    const repository = await refresh();
    const found = await repository.find('feed.1.json');
    expect(found).toMatchObject({ role: 'feed', length: 3 });
    expect(Buffer.from(await repository.download(found as NonNullable<typeof found>)).toString()).toBe('one');
    expect(await repository.find('feed.2.json')).toBeUndefined();
    for (const document of ['timestamp', 'snapshot', 'targets', 'feed', 'root']) {
      const published = [...simulator.files].findLast(([name]) => name.endsWith(`${document}.json`))?.[1];
      expect(await state.read(document)).toEqual(published);
    }
  });

  it('costs a second refresh the timestamp and a look for the next root', async () => {
    const simulator = new Simulator();
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.requests.length = 0;
    await refresh();
    expect(simulator.requests).toEqual(['2.root.json', 'timestamp.json']);
  });

  it('may have a root of one Ed25519 and one P-256 key, two of three', async () => {
    const simulator = new Simulator();
    const [a, b, c] = [newKey('ed25519'), newKey('p256'), newKey('p256')];
    const [old] = simulator.roles.root.keys;
    simulator.roles.root = { keys: [a, b, c], threshold: 2 };
    simulator.tamper.set('root', { document: (root) => root.signatures.splice(2, 1) });
    simulator.publishRoot(old === undefined ? [] : [old]);
    expect((await clientOf(simulator).refresh()).root.signed.version).toBe(2);
  });
});

describe('roots', () => {
  it('follow one another, each signed by the one before and by itself', async () => {
    const simulator = new Simulator();
    const before = simulator.roles.root.keys;
    simulator.roles.root = { keys: [newKey()], threshold: 1 };
    simulator.publishRoot(before);
    simulator.publishRoot();
    const { refresh, state } = clientOf(simulator);
    expect((await refresh()).root.signed.version).toBe(3);
    expect(await state.read('2.root')).toEqual(simulator.file('2.root.json'));
  });

  it.each([
    ['the keys of the old one', true],
    ['its own keys', false],
  ])('are refused without a signature of %s, and not stored (CVE-2020-15163)', async (_, own) => {
    const simulator = new Simulator();
    const before = simulator.roles.root.keys;
    simulator.roles.root = { keys: [newKey()], threshold: 1 };
    if (!own) simulator.tamper.set('root', { document: (root) => root.signatures.splice(0, 1) });
    simulator.publishRoot(own ? [] : before);
    const { refresh, state } = clientOf(simulator);
    await expect(refresh()).rejects.toThrow(
      refusal('ERR_EXPORT_SIGNATURE_INVALID', '2.root.json: signed by 0 of the 1'),
    );
    expect(await state.read('2.root')).toBeUndefined();
    expect(await state.read('root')).toBeUndefined();
    expect(await state.read('timestamp')).toBeUndefined();
  });

  it('are refused when one is skipped (CVE-2025-2885)', async () => {
    const simulator = new Simulator();
    simulator.files.set('metadata/2.root.json', simulator.publishRoot([], 3));
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'version 3, but 2 comes next'));
  });

  it('end where one in the middle is missing: what follows it is not looked at', async () => {
    const simulator = new Simulator();
    for (let i = 0; i < 3; i++) simulator.publishRoot();
    simulator.files.delete('metadata/3.root.json');
    expect((await clientOf(simulator).refresh()).root.signed.version).toBe(2);
  });

  it('that the state knows cannot be hidden by the source', async () => {
    const simulator = new Simulator();
    const before = simulator.roles.root.keys;
    simulator.roles.timestamp = { keys: [newKey()], threshold: 1 };
    const old = simulator.file('timestamp.json');
    simulator.publishRoot(before);
    simulator.publishTimestamp();
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.files.delete('metadata/2.root.json');
    simulator.files.set('metadata/timestamp.json', old);
    await expect(refresh()).rejects.toThrow(refusal('ERR_EXPORT_SIGNATURE_INVALID', 'root 2'));
  });

  it('may expire on the way, but not at the end; nothing waives that', async () => {
    const simulator = new Simulator();
    simulator.expires.root = '2026-01-01T00:00:00Z';
    simulator.publishRoot();
    const { refresh } = clientOf(simulator);
    await expect(refresh(NOW, 1e9)).rejects.toThrow(refusal('ERR_EXPORT_TUF_EXPIRED', 'version 2 expired'));
    simulator.expires.root = '2027-01-01T00:00:00Z';
    simulator.publishRoot();
    expect((await refresh()).root.signed.version).toBe(3);
  });
});

describe('signatures', () => {
  const twice = (key: Members) => [key, key];

  it('by one key count once, under two keyids too (CVE-2020-15093, CVE-2020-6174, CVE-2026-6966)', async () => {
    const simulator = new Simulator();
    const key = newKey();
    const alias = newKey('ed25519', key.privateKey, { 'x-name': 'alias' });
    expect(alias.keyid).not.toBe(key.keyid);
    simulator.roles.timestamp = { keys: [key, alias, newKey()], threshold: 2 };
    simulator.tamper.set('timestamp', { document: (document) => document.signatures.splice(2, 1) });
    simulator.publishRoot();
    simulator.publishTimestamp();
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_SIGNATURE_INVALID', 'signed by 1 of the 2 keys'));
  });

  it('of one keyid may not come twice', async () => {
    const simulator = new Simulator();
    simulator.tamper.set('timestamp', {
      document: (document) => document.signatures.push(...twice(document.signatures[0] as Members).slice(1)),
    });
    simulator.publishTimestamp();
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', '/signatures/1: a second signature'));
  });

  it('in thousands are refused before one is verified (CVE-2020-6173)', async () => {
    const simulator = new Simulator();
    simulator.tamper.set('root', {
      document: (document) => {
        for (let i = 0; i < 2000; i++) document.signatures.push({ keyid: i.toString(16).padStart(64, '0'), sig: 'ff' });
      },
    });
    simulator.publishRoot();
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', '/signatures: 2001 items, more than 128'));
  });

  it.each([
    ['a stranger', () => newKey()],
    ['the key of another role', (simulator: Simulator) => simulator.roles.snapshot.keys[0]],
  ])('by %s do not count', async (_, pick) => {
    const simulator = new Simulator();
    const other = pick(simulator) as ReturnType<typeof newKey>;
    simulator.tamper.set('timestamp', {
      document: (document) => {
        document.signatures = [signatureOf(other, document.signed as never)];
      },
    });
    simulator.publishTimestamp();
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_SIGNATURE_INVALID', 'signed by 0 of the 1'));
  });

  it('that are broken or empty beside a good one do no harm', async () => {
    const simulator = new Simulator();
    simulator.roles.timestamp.keys.push(newKey(), newKey());
    simulator.publishRoot();
    simulator.tamper.set('timestamp', {
      document: ({ signatures }) => {
        Object.assign(signatures[0] as Members, { sig: '' });
        Object.assign(signatures[1] as Members, { sig: 'ffff' });
      },
    });
    simulator.publishTimestamp();
    await clientOf(simulator).refresh();
  });
});

describe('rollback', () => {
  it('of the timestamp is refused (CVE-2022-29173)', async () => {
    const simulator = new Simulator();
    const old = simulator.file('timestamp.json');
    simulator.publishTimestamp();
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.files.set('metadata/timestamp.json', old);
    await expect(refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'version 1, but 2 is known'));
  });

  it('of the snapshot under a newer timestamp is refused', async () => {
    const simulator = new Simulator();
    simulator.publish('online');
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.versions.snapshot = 1;
    simulator.publishTimestamp();
    await expect(refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'snapshot version 1, but 2 is known'));
  });

  it('of a role in the snapshot is refused (CVE-2025-2887)', async () => {
    const simulator = new Simulator();
    simulator.delegate('feed', ['feed.*']);
    simulator.targets.version++;
    (simulator.delegated.get('feed') as { version: number }).version = 7;
    simulator.publish();
    const { refresh } = clientOf(simulator);
    await refresh();
    (simulator.delegated.get('feed') as { version: number }).version = 6;
    simulator.publish();
    await expect(refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'version of feed 6, but 7 is known'));
  });

  it('by a role that vanishes from the snapshot is refused', async () => {
    const simulator = new Simulator();
    simulator.delegate('feed', ['feed.*']);
    simulator.targets.version++;
    simulator.publish();
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.delegated.delete('feed');
    simulator.publish();
    await expect(refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_ROLLBACK', 'feed.json is no longer listed'));
  });

  it('by the same version with other content is refused', async () => {
    const simulator = new Simulator();
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.versions.timestamp--;
    simulator.expires.timestamp = '2028-01-01T00:00:00Z';
    simulator.publishTimestamp();
    await expect(refresh()).rejects.toThrow(
      refusal('ERR_EXPORT_TUF_ROLLBACK', 'version 1 is known with other content'),
    );
  });

  it('is no such thing where a P-256 key signs the same content again', async () => {
    const simulator = new Simulator();
    simulator.roles.timestamp = { keys: [newKey('p256')], threshold: 1 };
    simulator.publishRoot();
    simulator.publishTimestamp();
    const { refresh, state } = clientOf(simulator);
    await refresh();
    const first = simulator.file('timestamp.json');
    simulator.versions.timestamp--;
    simulator.publishTimestamp();
    expect(simulator.file('timestamp.json')).not.toEqual(first);
    await refresh();
    expect(await state.read('timestamp')).toEqual(first);
  });

  it('after a fast forward is made possible by new keys for timestamp and snapshot', async () => {
    const simulator = new Simulator();
    Object.assign(simulator.versions, { timestamp: 9_999, snapshot: 9_999 });
    simulator.publish('online');
    const { refresh } = clientOf(simulator);
    await refresh();
    simulator.roles.timestamp = { keys: [newKey()], threshold: 1 };
    simulator.roles.snapshot = { keys: [newKey()], threshold: 1 };
    Object.assign(simulator.versions, { timestamp: 2, snapshot: 2 });
    simulator.publishRoot();
    simulator.publish('online');
    const repository = await refresh();
    expect(repository.snapshot.signed.version).toBe(3);
    expect(repository.ignored).toHaveLength(2);
  });
});

describe('mix and match', () => {
  it.each([
    ['snapshot', (simulator: Simulator) => simulator.file('1.snapshot.json'), '2.snapshot.json'],
    ['targets', (simulator: Simulator) => simulator.file('1.targets.json'), '2.targets.json'],
  ])('of another %s is refused', async (_, other, file) => {
    const simulator = new Simulator();
    simulator.targets.version++;
    simulator.publish();
    simulator.files.set(`metadata/${file}`, other(simulator));
    await expect(clientOf(simulator).refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', file));
  });

  it.each(['2.snapshot.json', '2.targets.json'])('by leaving out %s is refused', async (file) => {
    const simulator = new Simulator();
    simulator.targets.version++;
    simulator.publish();
    simulator.files.delete(`metadata/${file}`);
    await expect(clientOf(simulator).refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', `${file}: missing`));
  });

  it('is noticed by the version where neither length nor hashes are listed', async () => {
    const simulator = new Simulator();
    simulator.tamper.set('timestamp', { signed: (signed) => (signed['meta'] = { 'snapshot.json': { version: 2 } }) });
    simulator.publish('online');
    simulator.files.set('metadata/2.snapshot.json', simulator.file('1.snapshot.json'));
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_MISMATCH', 'version 1, but timestamp.json lists 2'));
  });

  it('leaves a source without a timestamp, which is not found', async () => {
    const simulator = new Simulator();
    simulator.files.delete('metadata/timestamp.json');
    await expect(clientOf(simulator).refresh()).rejects.toThrow(refusal('ERR_EXPORT_NOT_FOUND', 'timestamp.json'));
  });

  it('cannot ask for more bytes than the cap by a signed length', async () => {
    const simulator = new Simulator();
    const facts = { version: 1, length: 3_000_000_000 };
    simulator.tamper.set('timestamp', { signed: (signed) => (signed['meta'] = { 'snapshot.json': facts }) });
    simulator.publishTimestamp();
    const attempt = clientOf(simulator).refresh();
    await expect(attempt).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', '3000000000 bytes are signed for'));
  });
});

describe('expiry', () => {
  const SOON = '2026-08-23T00:00:00Z' as Instant;

  it.each(['timestamp', 'snapshot'] as const)('of the %s is refused, and can be waived for a while', async (role) => {
    const simulator = new Simulator();
    simulator.expires[role] = SOON;
    simulator.publish('online');
    const { refresh } = clientOf(simulator);
    await refresh();
    await expect(refresh(SOON)).rejects.toThrow(refusal('ERR_EXPORT_TUF_EXPIRED', `expired at ${SOON}`));
    await expect(refresh(LATER, 86_400)).rejects.toThrow(refusal('ERR_EXPORT_TUF_EXPIRED'));
    expect((await refresh(LATER, 31 * 86_400)).waived).toEqual([{ role, version: 2, expires: SOON }]);
  });

  it('of the targets is refused, whatever is waived', async () => {
    const simulator = new Simulator();
    simulator.targets.expires = SOON;
    simulator.targets.version++;
    simulator.publish();
    await expect(clientOf(simulator).refresh(LATER, 1e9)).rejects.toThrow(refusal('ERR_EXPORT_TUF_EXPIRED', 'targets'));
  });

  it('of a delegated role is refused, whatever is waived (CVE-2026-6967)', async () => {
    const simulator = new Simulator();
    simulator.delegate('feed', ['feed.*']);
    (simulator.delegated.get('feed') as { expires: string }).expires = SOON;
    simulator.targets.version++;
    simulator.publish();
    const repository = await clientOf(simulator).refresh(LATER, 1e9);
    await expect(repository.find('feed.1.json')).rejects.toThrow(refusal('ERR_EXPORT_TUF_EXPIRED', 'feed'));
  });

  it('cannot be escaped by a clock that is set back', async () => {
    const simulator = new Simulator();
    const { refresh, state } = clientOf(simulator);
    await refresh(LATER);
    await expect(refresh(NOW)).rejects.toThrow(refusal('ERR_EXPORT_TUF_CLOCK', `this state was used at ${LATER}`));
    expect(await state.readTime()).toBe(LATER);
  });
});

describe('a state', () => {
  it('that was damaged is not trusted, and does no harm', async () => {
    const simulator = new Simulator();
    const state = memoryState();
    const { refresh } = clientOf(simulator, state);
    await refresh();
    for (const document of ['root', '1.root', '2.root', 'timestamp', 'snapshot', 'targets']) {
      await state.write(document, Buffer.from('{"signed":{}}'));
    }
    const repository = await refresh();
    expect(repository.ignored).toEqual(
      expect.arrayContaining([expect.stringContaining('timestamp.json of the state')]),
    );
    expect(await state.read('root')).toEqual(simulator.file('1.root.json'));
    expect(partOf(await state.read('timestamp'))['version']).toBe(1);
  });

  it('that is killed between any two writes is taken up by the next run', async () => {
    const simulator = new Simulator();
    for (let kill = 1; kill < 12; kill++) {
      const state = memoryState();
      await clientOf(simulator, state).refresh();
      const { write } = state;
      let writes = 0;
      const killed = {
        ...state,
        write: (document: string, bytes: Uint8Array) => {
          if (++writes >= kill) throw new Error('killed');
          return write(document, bytes);
        },
      };
      simulator.publishRoot();
      simulator.targets.version++;
      simulator.publish();
      const first = await clientOf(simulator, killed)
        .refresh()
        .catch((error: unknown) => error);
      expect(isCoded(first)).toBe(false);
      const repository = await clientOf(simulator, state).refresh();
      expect(repository.root.signed.version).toBe(simulator.versions.root);
      expect(await state.read('timestamp')).toEqual(simulator.file('timestamp.json'));
    }
  });
});
