import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import { type Lookup, pinnedLookup } from '../../src/oci/registry/http/pinned-lookup.ts';

/** A resolver that gives the next answer at each call for a name; the last one stays. */
function resolver(names: Readonly<Record<string, readonly (readonly string[])[]>>): Lookup {
  const calls = new Map<string, number>();
  return (hostname, _options, callback) => {
    const answers = names[hostname] ?? [];
    const call = calls.get(hostname) ?? 0;
    calls.set(hostname, call + 1);
    const addresses = answers[Math.min(call, answers.length - 1)] ?? [];
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (found.length === 0) callback(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), '');
    else callback(null, found);
  };
}

function ask(lookup: Lookup, hostname: string, options: object = { all: true }): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, options, (error, found) => {
      if (error !== null) reject(error);
      else resolve(Array.isArray(found) ? found.map((each: LookupAddress) => each.address) : [found]);
    });
  });
}

const from = (registry: string, names: Record<string, readonly (readonly string[])[]>) =>
  pinnedLookup(new URL(registry), resolver(names));

const refused = { code: 'ERR_EXPORT_REGISTRY_PROTOCOL' };

describe('pinnedLookup', () => {
  it('gives public addresses, all of them or the first, of the family that is asked for', async () => {
    const lookup = from('https://registry.test', { 'cdn.test': [['203.0.113.7', '2001:db8::7']] });
    expect(await ask(lookup, 'cdn.test')).toEqual(['203.0.113.7', '2001:db8::7']);
    expect(await ask(lookup, 'cdn.test', {})).toEqual(['203.0.113.7']);
    expect(await ask(lookup, 'cdn.test', { family: 6 })).toEqual(['2001:db8::7']);
  });

  it.each(['127.0.0.1', '127.9.9.9', '0.0.0.0', '169.254.169.254', '::1', '::', 'fe80::1', '::ffff:127.0.0.1'])(
    'refuses a name that resolves to %s, wherever the registry lies',
    async (address) => {
      for (const own of ['203.0.113.1', '10.0.0.1', '127.0.0.1']) {
        const names = { 'registry.test': [[own]], 'cdn.test': [['203.0.113.7', address]] };
        await expect(ask(from('https://registry.test', names), 'cdn.test')).rejects.toMatchObject(refused);
        await expect(ask(from(`http://${own}`, names), 'cdn.test')).rejects.toMatchObject(refused);
      }
    },
  );

  it.each(['10.1.2.3', '172.20.0.3', '192.168.1.1', '100.64.0.1', 'fd00::1'])(
    'takes a name that resolves to %s from a registry in a private network only',
    async (address) => {
      const names = (own: string) => ({ 'registry.test': [[own]], 'auth.test': [[address]] });
      expect(await ask(from('https://registry.test', names('10.0.0.1')), 'auth.test')).toEqual([address]);
      expect(await ask(from('https://10.0.0.1:5000', names('')), 'auth.test')).toEqual([address]);
      for (const own of ['203.0.113.1', '127.0.0.1']) {
        await expect(ask(from('https://registry.test', names(own)), 'auth.test')).rejects.toMatchObject(refused);
      }
    },
  );

  it('checks each connection anew: a name whose address changes gains nothing', async () => {
    const lookup = from('https://registry.test', { 'cdn.test': [['203.0.113.7'], ['127.0.0.1']] });
    expect(await ask(lookup, 'cdn.test')).toEqual(['203.0.113.7']);
    await expect(ask(lookup, 'cdn.test')).rejects.toMatchObject(refused);
  });

  it('passes on that a name does not exist', async () => {
    await expect(ask(from('https://registry.test', {}), 'none.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
