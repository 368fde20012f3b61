import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import {
  CodedError,
  type Digest,
  fileError,
  isCoded,
  isDigest,
  type JsonObject,
  type JsonValue,
  mediaTypes,
  parseJson,
} from '#core';
import {
  findServedSnapshot,
  type KitServer,
  type PullBases,
  type PulledKit,
  pullKit,
  readReceiptFile,
  refuseMistakenBase,
} from '#mirror';
import type { ByteStream, Reference } from '#oci/image';
import { type HttpService, openService } from '#oci/registry';
import { type Io, resumable, writeText } from '../io.ts';
import { formatBytes } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import {
  type CommonOptions,
  collect,
  openOptions,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from '../options.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';

interface PullOptions extends CommonOptions, TransportOptions {
  readonly to: string;
  readonly base?: readonly string[];
}

/** `mirror pull`. */
export function pullCommand(command: Command, io: Io): void {
  withTransportOptions(withCommonOptions(command))
    .description('fetch a kit with what a zone lacks from a server, resuming where an earlier run stopped')
    .argument('<url>', 'http(s)://HOST[:PORT]/v1/mirrors/NAME, as export-center serve --mirror offers it')
    .requiredOption('--to <file>', 'file of the kit, a tar')
    .option(
      '--base <base>',
      'what the zone has: NAME.SEQUENCE or the digest of a snapshot, a short code of mirror status, receipt:FILE, ' +
        'list:FILE with a digest list, or HOST[:PORT][/PREFIX] of a registry that the server asks (serve ' +
        '--allow-registry); repeat it for a kit for several zones; a full kit by default',
      collect,
    )
    .addHelpText(
      'after',
      `
While it is fetched, the kit is FILE.HEX.partial. Every file in it is checked against the kit's checksums before it gets
its name. Who made it is for mirror verify and mirror import to find out.

Examples:
  export-center mirror pull https://mirror.example/v1/mirrors/main --to kit.tar
  export-center mirror pull https://mirror.example/v1/mirrors/main --base main.3 --to delta.tar
  export-center mirror pull https://mirror.example/v1/mirrors/main --base list:digests.txt --to delta.tar`,
    )
    .action((url: string, options: PullOptions) => resumable(io, () => pull(io, url, options)));
}

async function pull(io: Io, text: string, options: PullOptions): Promise<void> {
  const url = parseUrl(text);
  if (options.plainHttp !== undefined) {
    const hint = 'omit it, and write http:// or https:// in the URL';
    throw new CodedError('ERR_EXPORT_USAGE', "--plain-http and --no-plain-http can't be used with a URL", { hint });
  }
  const progress = createProgressLine(io, options.quiet);
  const reference: Reference = { kind: 'registry', registry: url.host, repository: 'x' };
  const service = openService(url, await openOptions(io, [reference], options, progress));
  try {
    const server = serverOf(service, url);
    const find = (base: string) => findServedSnapshot(server, url.pathname, base, io.signal);
    const bases = await basesOf(options.base ?? [], url.pathname.slice(MIRRORS.length), find);
    const pulled = await pullKit({
      server,
      mirror: url.pathname,
      bases,
      target: options.to,
      signal: io.signal,
      ...progressOf(progress),
    });
    progress.clear();
    await report(io, pulled, options);
  } finally {
    progress.clear();
    await service.close();
  }
}

const MIRRORS = '/v1/mirrors/';
const MIRROR_PATH = /^\/v1\/mirrors\/[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

function parseUrl(text: string): URL {
  const url = URL.parse(text.endsWith('/') ? text.slice(0, -1) : text);
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === null || !isWeb || !MIRROR_PATH.test(url.pathname) || url.search !== '' || url.hash !== '') {
    throw new CodedError('ERR_EXPORT_USAGE', `${JSON.stringify(text.slice(0, 300))}: not the URL of a mirror`, {
      hint: 'write http(s)://HOST[:PORT]/v1/mirrors/NAME; GET /v1/mirrors lists the names',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new CodedError('ERR_EXPORT_USAGE', 'a URL with a login in it', {
      hint: 'log in with docker login HOST, or use --username and --password-stdin',
    });
  }
  return url;
}

const LIST = 'list:';

type FindSnapshot = (text: string) => Promise<Digest | undefined>;

/** What the server is told that the zone has. */
async function basesOf(texts: readonly string[], stream: string, find: FindSnapshot): Promise<PullBases> {
  const lists = texts.filter((text) => text.startsWith(LIST));
  const [list] = lists;
  if (list !== undefined) {
    if (texts.length > 1) {
      const hint = 'join the lists of several zones to one with the digests that all of them have: comm -12 A B';
      throw new CodedError('ERR_EXPORT_USAGE', '--base list:FILE can only be used alone', { hint });
    }
    const path = list.slice(LIST.length);
    return { type: mediaTypes.mirrorDigests, body: async () => readBytes(path) };
  }
  const bases: JsonObject[] = [];
  for (const text of texts) bases.push(await baseOf(text, stream, find));
  return { type: 'application/json', body: Buffer.from(JSON.stringify({ bases })) };
}

const RECEIPT = 'receipt:';
/** As much as a server takes. */
const MAX_RECEIPT_BYTES = 16 * 1024 * 1024;

async function baseOf(text: string, stream: string, find: FindSnapshot): Promise<JsonObject> {
  if (isDigest(text)) return { snapshot: text };
  if (text.startsWith(RECEIPT)) return { receipt: await readReceipt(text.slice(RECEIPT.length)) };
  const snapshot = await find(text);
  if (snapshot !== undefined) return { snapshot };
  refuseMistakenBase(text, stream);
  return { registry: text };
}

async function readReceipt(path: string): Promise<JsonValue> {
  const bytes = await readReceiptFile(path, MAX_RECEIPT_BYTES);
  try {
    return parseJson(bytes, path);
  } catch (cause) {
    if (!isCoded(cause, 'ERR_EXPORT_JSON_INVALID')) throw cause;
    const hint = 'specify the file that export-center mirror import --zone-key FILE wrote; get it from the zone again';
    throw new CodedError('ERR_EXPORT_RECEIPT_INVALID', `${path}: not a receipt, or a damaged one`, { hint, cause });
  }
}

async function* readBytes(path: string): ByteStream {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  } catch (error) {
    throw fileError(error, path);
  }
}

function serverOf(service: HttpService, { host }: URL): KitServer {
  return {
    name: host,
    send: async (request, expected) => {
      const response = await service.send(request, expected);
      return {
        status: response.status,
        header: (name) => response.header(name),
        body: response.body,
        drop: () => response.drop(),
      };
    },
  };
}

function progressOf(progress: ProgressLine) {
  let [done, total] = [0, 0];
  return {
    onPlan: ({ tarBytes }: PulledKit['plan'], presentBytes: number) => {
      [done, total] = [presentBytes, tarBytes];
    },
    onBytes: (sizeBytes: number) => {
      done += sizeBytes;
      progress.listen({ stage: 'send', done, total, unit: 'bytes' });
    },
  };
}

async function report(io: Io, { plan, resumedAt, receivedBytes }: PulledKit, options: PullOptions): Promise<void> {
  const { kit, stream, sequence, snapshot, bases, tarBytes, expiry } = plan;
  const json = { kit, stream, sequence, snapshot, bases, tarBytes, expiry, to: options.to, resumedAt, receivedBytes };
  const state = receivedBytes === 0 ? 'unchanged' : 'written';
  const resumed = resumedAt > 0 && receivedBytes > 0 ? `, resumed at byte ${resumedAt}` : '';
  const text = asLines([
    `${state} ${options.to}`,
    `kit ${kit}`,
    `snapshot ${sequence} of ${stream}, ${snapshot}`,
    `${formatBytes(tarBytes)}, received ${formatBytes(receivedBytes)}${resumed}`,
    `valid until ${expiry.expires}, when its ${expiry.role} expires`,
  ]);
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(json)}\n` : text);
}
