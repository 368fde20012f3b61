import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readJson } from '../core/read-json.ts';

/** A request as the double saw it, for assertions. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** Takes over an answer; false lets the double answer. */
export type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
) => boolean | undefined | Promise<boolean | undefined>;

export interface DoubleOptions {
  /** Whether it lists referrers itself; true unless told. */
  readonly referrers?: boolean;
  readonly fault?: Fault;
  /** Speak TLS as this server; with `clientCa`, only to clients that it vouches for. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string };
}

interface Manifest {
  readonly bytes: Buffer;
  readonly type: string;
}

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** A registry in memory, written from the distribution-spec and not from the client: small, strict, and able to misbehave. */
export class RegistryDouble {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, Manifest>();
  readonly tags = new Map<string, string>();
  readonly uploads = new Map<string, Buffer>();
  readonly seen: Seen[] = [];
  fault: Fault | undefined;
  readonly #server: Server;
  readonly #referrers: boolean;
  #uploads = 0;

  private constructor(options: DoubleOptions) {
    this.fault = options.fault;
    this.#referrers = options.referrers ?? true;
    const serve = (request: IncomingMessage, response: ServerResponse) => {
      // What the client does to a connection is not the double's business.
      request.on('error', () => undefined);
      this.#answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) send(response, 500, {}, String(error));
        else response.destroy();
      });
    };
    const { tls } = options;
    const client = tls?.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
    this.#server =
      tls === undefined ? createServer(serve) : createTlsServer({ key: tls.key, cert: tls.cert, ...client }, serve);
  }

  static async start(options: DoubleOptions = {}): Promise<RegistryDouble> {
    const double = new RegistryDouble(options);
    await new Promise<void>((resolve) => double.#server.listen(0, '127.0.0.1', resolve));
    return double;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** How often something was asked for. */
  count(method: string, pattern: RegExp): number {
    return this.seen.filter((seen) => seen.method === method && pattern.test(seen.path)).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<ServerResponse> {
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    const method = request.method ?? 'GET';
    this.seen.push({ method, path: `${url.pathname}${url.search}`, headers: request.headers });
    if ((await this.fault?.(request, response, `${url.pathname}${url.search}`)) === true) return response;
    const match = /^\/v2\/(.+)\/(blobs|manifests|tags|referrers)\/(.+)$/.exec(url.pathname);
    if (match === null) return send(response, url.pathname === '/v2/' ? 200 : 404, {});
    const [, repository, family, rest] = match as unknown as [string, string, string, string];
    if (family === 'blobs' && rest.startsWith('uploads/')) {
      return this.#upload(request, response, url, repository, rest.slice('uploads/'.length));
    }
    if (family === 'blobs') return this.#blob(request, response, `${repository} ${rest}`);
    if (family === 'manifests' && method === 'DELETE' && this.tags.delete(`${repository} ${rest}`)) {
      return send(response, 202, {});
    }
    if (family === 'manifests') return this.#manifest(request, response, repository, rest);
    if (family === 'tags') return this.#listTags(response, repository, url);
    return this.#listReferrers(response, repository, rest);
  }

  #blob(request: IncomingMessage, response: ServerResponse, key: string): ServerResponse {
    const bytes = this.blobs.get(key);
    if (bytes === undefined) return sendError(response, 404, 'BLOB_UNKNOWN');
    if (request.method === 'DELETE') {
      this.blobs.delete(key);
      return send(response, 202, {});
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const headers = {
      'content-type': 'application/octet-stream',
      'docker-content-digest': key.split(' ')[1] as string,
    };
    if (range === null) return send(response, 200, headers, request.method === 'HEAD' ? bytes.length : bytes);
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    if (start >= bytes.length) return sendError(response, 416, 'RANGE_INVALID');
    const part = { ...headers, 'content-range': `bytes ${start}-${end}/${bytes.length}` };
    return send(response, 206, part, bytes.subarray(start, end + 1));
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    repository: string,
    id: string,
  ): Promise<ServerResponse> {
    const method = request.method;
    if (method === 'POST') {
      const [mount, from] = [url.searchParams.get('mount'), url.searchParams.get('from')];
      const bytes = this.blobs.get(`${from} ${mount}`);
      if (mount !== null && bytes !== undefined) {
        this.blobs.set(`${repository} ${mount}`, bytes);
        return send(response, 201, { location: `/v2/${repository}/blobs/${mount}` });
      }
      const name = `u${++this.#uploads}`;
      this.uploads.set(name, Buffer.alloc(0));
      return send(response, 202, { location: `/v2/${repository}/blobs/uploads/${name}?state=a%2Bb`, range: '0-0' });
    }
    const held = this.uploads.get(id);
    if (held === undefined || url.searchParams.get('state') !== 'a+b')
      return sendError(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    const location = `/v2/${repository}/blobs/uploads/${id}?state=a%2Bb`;
    if (method === 'GET') return send(response, 204, { location, range: `0-${Math.max(0, held.length - 1)}` });
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return send(response, 204, {});
    }
    const range = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '');
    if (range !== null && Number(range[1]) !== held.length) return sendError(response, 416, 'RANGE_INVALID');
    const bytes = Buffer.concat([
      held,
      await readBody(request, (part) => this.uploads.set(id, Buffer.concat([held, part]))),
    ]);
    this.uploads.set(id, bytes);
    if (method === 'PATCH') return send(response, 202, { location, range: `0-${bytes.length - 1}` });
    const digest = url.searchParams.get('digest') ?? '';
    this.uploads.delete(id);
    if (digestOf(bytes, digest) !== digest) return sendError(response, 400, 'DIGEST_INVALID');
    this.blobs.set(`${repository} ${digest}`, bytes);
    return send(response, 201, { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest });
  }

  async #manifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    name: string,
  ): Promise<ServerResponse> {
    const method = request.method;
    const digest = name.includes(':') ? name : (this.tags.get(`${repository} ${name}`) ?? '');
    const key = `${repository} ${digest}`;
    if (method === 'PUT') {
      const bytes = await readBody(request);
      const type = request.headers['content-type'] ?? '';
      const actual = digestOf(bytes, name);
      if (name.includes(':') && actual !== name) return sendError(response, 400, 'DIGEST_INVALID');
      const missing = childrenOf(bytes).find(
        (child) => !this.blobs.has(`${repository} ${child}`) && !this.manifests.has(`${repository} ${child}`),
      );
      if (missing !== undefined) return sendError(response, 400, 'MANIFEST_BLOB_UNKNOWN');
      this.manifests.set(`${repository} ${actual}`, { bytes, type });
      if (!name.includes(':')) this.tags.set(`${repository} ${name}`, actual);
      return send(response, 201, {
        location: `/v2/${repository}/manifests/${actual}`,
        'docker-content-digest': actual,
      });
    }
    const manifest = this.manifests.get(key);
    if (manifest === undefined) return sendError(response, 404, 'MANIFEST_UNKNOWN');
    if (method === 'DELETE') {
      this.manifests.delete(key);
      for (const [tag, target] of this.tags)
        if (target === digest && tag.startsWith(`${repository} `)) this.tags.delete(tag);
      return send(response, 202, {});
    }
    const headers = { 'content-type': manifest.type, 'docker-content-digest': digest };
    return send(response, 200, headers, method === 'HEAD' ? manifest.bytes.length : manifest.bytes);
  }

  /** Three at a time and in no order, so that paging and sorting are put to the test. */
  #listTags(response: ServerResponse, repository: string, url: URL): ServerResponse {
    const all = [...this.tags.keys()]
      .filter((key) => key.startsWith(`${repository} `))
      .map((key) => key.slice(repository.length + 1));
    const from = Number(url.searchParams.get('from') ?? 0);
    const next = from + 3 < all.length ? { link: `</v2/${repository}/tags/list?from=${from + 3}>; rel="next"` } : {};
    const body = JSON.stringify({ name: repository, tags: all.slice(from, from + 3) });
    return send(response, 200, { 'content-type': 'application/json', ...next }, Buffer.from(body));
  }

  #listReferrers(response: ServerResponse, repository: string, subject: string): ServerResponse {
    if (!this.#referrers) return send(response, 404, { 'content-type': 'text/plain' }, '404 page not found');
    const manifests = [...this.manifests]
      .filter(([key]) => key.startsWith(`${repository} `))
      .map(([key, { bytes, type }]) => ({
        digest: key.split(' ')[1],
        type,
        size: bytes.length,
        json: readJson(bytes.toString()),
      }))
      .filter(({ json }) => json.subject?.digest === subject)
      .map(({ digest, type, size, json }) => ({
        mediaType: type,
        digest,
        size,
        artifactType: json.artifactType ?? json.config?.mediaType,
        ...(json.annotations === undefined ? {} : { annotations: json.annotations }),
      }));
    const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });
    return send(response, 200, { 'content-type': INDEX }, Buffer.from(body));
  }
}

export function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Buffer | string | number = '',
): ServerResponse {
  const length = typeof body === 'number' ? body : Buffer.byteLength(body);
  response.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': length });
  return response.end(typeof body === 'number' ? undefined : body);
}

export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message = code.toLowerCase(),
): ServerResponse {
  const body = JSON.stringify({ errors: [{ code, message }] });
  return send(response, status, { 'content-type': 'application/json' }, Buffer.from(body));
}

async function readBody(request: IncomingMessage, onPart?: (soFar: Buffer) => void): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) {
    parts.push(part as Buffer);
    onPart?.(Buffer.concat(parts));
  }
  return Buffer.concat(parts);
}

function digestOf(bytes: Buffer, like: string): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

function childrenOf(bytes: Buffer): string[] {
  const json = readJson(bytes.toString());
  const all = [json.config, ...(json.layers ?? []), ...(json.manifests ?? [])];
  return all.filter((child) => child !== undefined && child !== null).map((child) => child.digest);
}
