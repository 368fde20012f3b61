import { type LookupAddress, lookup as resolveHost } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { CodedError } from '#core';
import { type AddressReach, reachOf } from '../origin.ts';

/** Resolves a host name, in the form that sockets take. */
export type Lookup = LookupFunction;

/** The system's own. */
export const systemLookup: Lookup = resolveHost as Lookup;

/**
 * A lookup for hosts that a registry names in redirects, token realms and upload locations. A name that resolves to
 * this machine or link is refused, and one that resolves to a private network unless the registry itself lies in one.
 * The socket connects to the addresses that were checked, and each connection is checked anew, so that a name whose
 * address changes in between gains nothing. A proxy resolves names by itself, so behind one this does not apply.
 *
 * The lookup fails with CodedError ERR_EXPORT_REGISTRY_PROTOCOL.
 */
export function pinnedLookup(registry: URL, lookup: Lookup): Lookup {
  return (hostname, options, callback) => {
    void check(registry, hostname, lookup).then(
      (addresses) => {
        const family = options.family === 4 || options.family === 6 ? options.family : 0;
        const fitting = family === 0 ? addresses : addresses.filter((each) => each.family === family);
        const [first] = fitting.length > 0 ? fitting : addresses;
        if (options.all) callback(null, fitting.length > 0 ? fitting : addresses);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

async function check(registry: URL, hostname: string, lookup: Lookup): Promise<LookupAddress[]> {
  const addresses = await addressesOf(hostname, lookup);
  for (const { address } of addresses) {
    const reach = reachOf(address);
    if (reach === 'public' || (reach === 'private' && (await liesIn(registry, 'private', lookup)))) continue;
    const kind = reach === 'local' ? 'loopback or link-local' : 'private';
    throw new CodedError(
      'ERR_EXPORT_REGISTRY_PROTOCOL',
      `${registry.origin}: leads to ${hostname}, which resolves to the ${kind} address ${address}`,
      {
        hint: 'the registry or its name server is misconfigured or not trustworthy; ask the registry operator',
        details: { registry: registry.origin, hostname, address },
      },
    );
  }
  return addresses;
}

async function liesIn(registry: URL, reach: AddressReach, lookup: Lookup): Promise<boolean> {
  const hostname = registry.hostname.replace(/^\[|\]$/g, '');
  if (isIP(hostname) !== 0) return reachOf(hostname) === reach;
  return (await addressesOf(hostname, lookup)).some(({ address }) => reachOf(address) === reach);
}

/** All addresses of a host. */
export function addressesOf(hostname: string, lookup: Lookup): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all: true }, (error, found, family) => {
      if (error !== null) reject(error);
      else resolve(Array.isArray(found) ? found : [{ address: found, family: family ?? isIP(found) }]);
    });
  });
}
