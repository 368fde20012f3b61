import { BlockList, isIP } from 'node:net';
import { CodedError } from '#core';
import { isLoopbackHost } from '#oci/image';

/** Addresses that mean something else to each who asks, so that a registry has no business naming them. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  PRIVATE.addSubnet(net, bits, 'ipv4');
}
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  PRIVATE.addSubnet(net, bits, 'ipv6');
}

/**
 * Whether a host, as URL.hostname gives it, is an address of a private network or of this machine, or `localhost`.
 *
 * @internal Tested by itself.
 */
export function isPrivateHost(hostname: string): boolean {
  if (isLoopbackHost(hostname)) return true;
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) === 4) return PRIVATE.check(address, 'ipv4');
  return isIP(address) === 6 && PRIVATE.check(address, 'ipv6');
}

/** What an address that a name resolves to may reach: this machine or link, a private network, or anywhere. */
export type AddressReach = 'local' | 'private' | 'public';

const LOCAL = new BlockList();
LOCAL.addSubnet('0.0.0.0', 8, 'ipv4');
LOCAL.addSubnet('127.0.0.0', 8, 'ipv4');
LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LOCAL.addSubnet('::', 127, 'ipv6');
LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** How far an IP address reaches. */
export function reachOf(address: string): AddressReach {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (LOCAL.check(address, family)) return 'local';
  return PRIVATE.check(address, family) ? 'private' : 'public';
}

/** What a URL that a server names may be, seen from where it was named. */
export interface LocationRules {
  /** What it is, for messages: `redirect`, `upload location`, `token realm`. */
  readonly what: string;
  /** The registry that we were told to talk to: it may be private, and then name itself. */
  readonly registry: URL;
  /** Take `http` at the registry's own host as the registry itself: a proxy in front of it speaks TLS for it. */
  readonly liftScheme?: boolean;
}

/**
 * The URL that a server names, if it may send us there: http or https, never from https to http, no user info, no
 * private address unless it is the registry's own host.
 *
 * @param from the URL that was asked last; `location` may be relative to it
 * @throws CodedError ERR_EXPORT_REGISTRY_PROTOCOL
 */
export function resolveLocation(location: string, from: URL, rules: LocationRules): URL {
  const url = URL.parse(location, from);
  const fail = (why: string) => refused(rules, from, why);
  if (url === null) throw fail('is not a URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fail('is neither http nor https');
  if (url.username !== '' || url.password !== '') throw fail('carries a user name');
  const { registry } = rules;
  if (rules.liftScheme && registry.protocol === 'https:' && url.protocol === 'http:' && sameHost(url, registry)) {
    url.protocol = 'https:';
    url.port = registry.port;
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') throw fail('leads from https to http');
  if (isPrivateHost(url.hostname) && !sameHost(url, registry))
    throw fail(`leads to the private address ${url.hostname}`);
  return url;
}

/** A URL without what may be secret: user info, query, fragment. */
export function redactUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? URL.parse(url) : url;
  return parsed === null ? '(not a URL)' : `${parsed.origin}${parsed.pathname}`;
}

function sameHost(a: URL, b: URL): boolean {
  return a.hostname === b.hostname;
}

function refused(rules: LocationRules, from: URL, why: string): CodedError {
  return new CodedError('ERR_EXPORT_REGISTRY_PROTOCOL', `${redactUrl(from)}: its ${rules.what} ${why}`, {
    hint: 'the registry or a proxy in front of it is misconfigured or not trustworthy; ask the registry operator',
    details: { url: redactUrl(from), what: rules.what },
  });
}
