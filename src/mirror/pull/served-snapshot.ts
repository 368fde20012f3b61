import { CodedError, type Digest, parseJson } from '#core';
import { collect } from '#oci/image';
import { codePartOf, parseShortCode } from '../receipts.ts';
import { checkMirrorSnapshots, type ListedSnapshot } from '../service.ts';
import type { KitServer } from './kit-server.ts';

const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** How a snapshot can be named without its digest. */
interface NamedSnapshot {
  readonly sequence: number;
  /** Of a short code: the part of the digest. */
  readonly part?: string;
}

/**
 * The digest of the snapshot that `STREAM.SEQUENCE` or a short code names, as the server lists it.
 *
 * @param mirror `/v1/mirrors/NAME`
 * @returns undefined for a text of another form, or of another stream
 * @throws CodedError ERR_EXPORT_NOT_FOUND where the server lists no such snapshot, those of the server and the network
 */
export async function findServedSnapshot(
  server: KitServer,
  mirror: string,
  text: string,
  signal: AbortSignal | undefined,
): Promise<Digest | undefined> {
  const named = namedIn(text, mirror.slice(mirror.lastIndexOf('/') + 1));
  if (named === undefined) return undefined;
  const name = `the snapshots of ${server.name}`;
  const answer = await server.send({ method: 'GET', path: `${mirror}/snapshots`, signal }, [200]);
  const { snapshots } = checkMirrorSnapshots(parseJson(await collect(answer.body, MAX_LIST_BYTES, name), name), name);
  const isMeant = ({ sequence, digest }: ListedSnapshot) =>
    sequence === named.sequence && (named.part === undefined || codePartOf(digest) === named.part);
  const found = snapshots.find(isMeant);
  if (found !== undefined) return found.digest;
  throw new CodedError('ERR_EXPORT_NOT_FOUND', `--base ${text}: not a snapshot that ${server.name} lists`, {
    hint: `compare it with what export-center mirror status prints in the zone; GET ${mirror}/snapshots lists them`,
    details: { base: text },
  });
}

function namedIn(text: string, stream: string): NamedSnapshot | undefined {
  const number = text.startsWith(`${stream}.`) ? text.slice(stream.length + 1) : '';
  if (/^\d{1,9}$/.test(number)) return { sequence: Number(number) };
  const code = parseShortCode(text);
  return code?.stream === stream ? code : undefined;
}
