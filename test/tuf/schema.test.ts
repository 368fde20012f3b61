import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { refusal } from './refusal.ts';
import { clientOf, type Members, newKey, Simulator } from './simulator.ts';

describe('shapes', () => {
  const cases: Record<string, [role: string, change: (signed: Members) => void, text: string]> = {
    'threshold 0 (CVE-2026-23992)': ['root', (root) => threshold(root, 0), '/roles/timestamp/threshold'],
    'a negative threshold': ['root', (root) => threshold(root, -1), '/roles/timestamp/threshold'],
    'a broken threshold': ['root', (root) => threshold(root, 1.5), 'not a safe integer'],
    'a threshold above the number of keys': ['root', (root) => threshold(root, 2), 'threshold 2 of 1 different keys'],
    'a role that is null (CVE-2026-23991)': [
      'root',
      (root) => Object.assign(root, { roles: null }),
      '/roles: expected',
    ],
    'keys as a list': ['root', (root) => Object.assign(root, { keys: [] }), '/keys: expected an object'],
    'a wrong keyid': ['root', (root) => renameKey(root), 'the keyid is not the SHA-256 of the key'],
    'consistent_snapshot false': ['root', (root) => Object.assign(root, { consistent_snapshot: false }), 'consistent'],
    'version 0': ['timestamp', (signed) => Object.assign(signed, { version: 0 }), '/version: expected a whole number'],
    'a negative version': ['timestamp', (signed) => Object.assign(signed, { version: -1 }), '/version'],
    'another type': ['timestamp', (signed) => Object.assign(signed, { _type: 'snapshot' }), '/_type: expected'],
    'spec version 2': ['timestamp', (signed) => Object.assign(signed, { spec_version: '2.0.0' }), '/spec_version'],
    'expires that is no date (NaN)': ['timestamp', (signed) => expires(signed, 'never'), '/expires'],
    'expires with milliseconds': ['timestamp', (signed) => expires(signed, '2027-01-01T00:00:00.000Z'), '/expires'],
    'expires as a bare year': ['timestamp', (signed) => expires(signed, '1'), '/expires'],
    'a day that does not exist': ['timestamp', (signed) => expires(signed, '2027-02-30T00:00:00Z'), 'not a real date'],
    'meta without snapshot.json': ['timestamp', (signed) => Object.assign(signed, { meta: {} }), '/meta/snapshot.json'],
    'meta that is a number': ['timestamp', (signed) => Object.assign(signed, { meta: 1 }), '/meta: expected an object'],
    'a snapshot without targets': [
      'snapshot',
      (signed) => Object.assign(signed, { meta: {} }),
      'targets.json is missing',
    ],
    'a path as the name of a role (CVE-2021-41131)': [
      'snapshot',
      (signed) => Object.assign(signed['meta'] as Members, { '../x.json': { version: 1 } }),
      'not the file of a role',
    ],
    'a text beyond ASCII': ['timestamp', (signed) => Object.assign(signed, { note: 'ä' }), 'not plain ASCII'],
    'a target with ../ (CVE-2021-41149)': ['targets', (signed) => target(signed, '../x'), 'not a target path'],
    'an absolute target': ['targets', (signed) => target(signed, '/x'), 'not a target path'],
    'a target with a backslash': ['targets', (signed) => target(signed, 'a\\b'), 'not a target path'],
    'a target without hashes': ['targets', (signed) => target(signed, 'x', {}), 'expected sha256 or sha512'],
    'a target with an unknown hash alone': [
      'targets',
      (signed) => target(signed, 'x', { md5: '00' }),
      'expected sha256',
    ],
    'a delegated role called root': ['targets', (signed) => delegations(signed, [{ name: 'root' }]), 'not a name that'],
    'a delegated role called ../x (CVE-2026-6968)': [
      'targets',
      (signed) => delegations(signed, [{ name: '../x' }]),
      'not a name that',
    ],
    'a delegation with neither paths nor prefixes': [
      'targets',
      (signed) => delegations(signed, [{ paths: undefined as never }]),
      'expected either paths',
    ],
    'a delegation with both': [
      'targets',
      (signed) => delegations(signed, [{ path_hash_prefixes: ['00'] }]),
      'expected either paths',
    ],
    'a pattern with braces': ['targets', (signed) => delegations(signed, [{ paths: ['{a,b}'] }]), 'a pattern may hold'],
    'one delegated role twice': ['targets', (signed) => delegations(signed, [{}, {}]), 'a role is named twice'],
    succinct_roles: [
      'targets',
      (signed) => Object.assign(signed, { delegations: { keys: {}, roles: [], succinct_roles: {} } }),
      'not supported',
    ],
  };

  function threshold(root: Members, value: number): void {
    Object.assign((root['roles'] as Members)['timestamp'] as Members, { threshold: value });
  }

  function renameKey(root: Members): void {
    const keys = root['keys'] as Members;
    const [keyid = ''] = Object.keys(keys);
    keys['0'.repeat(64)] = keys[keyid] as Members;
  }

  function expires(signed: Members, time: string): void {
    signed['expires'] = time;
  }

  function target(signed: Members, path: string, hashes: Members = { sha256: '0'.repeat(64) }): void {
    signed['targets'] = { [path]: { length: 1, hashes } };
  }

  function delegations(signed: Members, roles: Members[]): void {
    const key = newKey();
    const whole = roles.map((role) => ({
      name: 'feed',
      keyids: [key.keyid],
      threshold: 1,
      terminating: true,
      paths: ['feed.*'],
      ...role,
    }));
    signed['delegations'] = { keys: { [key.keyid]: key.json }, roles: whole };
  }

  it.each(Object.entries(cases))('refuses %s, although it is signed', async (_, [role, change, text]) => {
    const simulator = new Simulator();
    simulator.tamper.set(role, { signed: change });
    if (role === 'root') simulator.publishRoot();
    simulator.targets.version++;
    simulator.publish();
    await expect(clientOf(simulator).refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', text));
  });

  it.each([
    ['an empty file', () => Buffer.alloc(0)],
    ['a list', () => Buffer.from('[]')],
    ['a number', () => Buffer.from('1')],
    ['text that is no JSON', () => Buffer.from('<html>')],
    ['a byte order mark', (bytes: Buffer) => Buffer.concat([Buffer.from('\ufeff'), bytes])],
    ['invalid UTF-8', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -2), Buffer.from([0xff, 0x7d])])],
    [
      'a duplicate member',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace('"version": 2', '"version": 1, $&')),
    ],
    [
      '__proto__',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace('"signed": {', '"__proto__": {"a": 1}, $&,')),
    ],
    ['half of it', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['nesting without end', () => Buffer.from('['.repeat(10_000))],
    ['more than 16 KiB', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(16_384, ' ')])],
  ])('refuses %s, and does not store it (CVE-2025-2888)', async (_, bytes) => {
    const simulator = new Simulator();
    const { refresh, state } = clientOf(simulator);
    await refresh();
    const before = await state.read('timestamp');
    simulator.tamper.set('timestamp', { bytes });
    simulator.publishTimestamp();
    await expect(refresh()).rejects.toThrow();
    expect(await state.read('timestamp')).toEqual(before);
    simulator.tamper.clear();
    simulator.publishTimestamp();
    await refresh();
  });

  it.each([
    ['P-384 under the scheme of P-256', 'P-384'],
    ['secp256k1 under the scheme of P-256', 'secp256k1'],
  ])('refuses %s', async (_, curve) => {
    const simulator = new Simulator();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
    simulator.roles.timestamp = { keys: [newKey('p256', privateKey)], threshold: 1 };
    simulator.publishRoot();
    await expect(clientOf(simulator).refresh()).rejects.toThrow(refusal('ERR_EXPORT_TUF_INVALID', 'on P-256'));
  });

  it('lets keys of other kinds be, and counts none of their signatures', async () => {
    const simulator = new Simulator();
    const rsa = newKey('ed25519', undefined, { keytype: 'rsa', scheme: 'rsassa-pss-sha256' });
    simulator.roles.timestamp.keys.push(rsa);
    simulator.publishRoot();
    simulator.publishTimestamp();
    await clientOf(simulator).refresh();
    simulator.roles.timestamp.threshold = 2;
    simulator.publishRoot();
    await expect(clientOf(simulator).refresh()).rejects.toThrow(refusal('ERR_EXPORT_SIGNATURE_INVALID', '1 of the 2'));
  });
});
