import { isIP } from 'node:net';
import { type ServerRequest, socketsOf } from '../context.ts';

/** The client of a request: an IPv4 address, or an IPv6 /64, within which a client can choose its address. */
export function clientOf(c: ServerRequest, behindProxy: boolean): string {
  const forwarded = behindProxy ? lastHopOf(c.req.header('x-forwarded-for')) : undefined;
  return networkOf(forwarded ?? socketsOf(c).incoming?.socket.remoteAddress ?? '');
}

/** The last address, which our own proxy added. A client can forge all before it. */
function lastHopOf(header: string | undefined): string | undefined {
  const last = header?.split(',').at(-1)?.trim() ?? '';
  const [, bracketed, plain] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+)(?::\d+)?$/.exec(last) ?? [];
  const address = bracketed ?? plain ?? last;
  return isIP(address) === 0 ? undefined : address;
}

/** The part of an address that identifies a client. @internal Tested by itself. */
export function networkOf(address: string): string {
  const [unzoned = ''] = address.split('%', 1);
  const plain = unzoned.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = groupsOf(head);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - groupsOf(tail).length);
  const whole = [...groups, ...Array.from({ length: zeros }, () => '0'), ...groupsOf(tail ?? '')];
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
