import { expect } from 'vitest';
import { type Descriptor, mediaTypes } from '#core';
import { packManifest } from '#oci/image';
import { readJson } from '../../core/read-json.ts';
import { describe, noise } from '../../oci/content.ts';
import { Ledger } from './ledger.ts';

/** An upload in chunks: its content, and how much of it has been acknowledged. */
interface Upload {
  readonly content: Uint8Array;
  readonly location: string;
  acknowledgedBytes: number;
  /** Whether its end has been asked for, so that it may be a blob by now. */
  ending: boolean;
}

const THERE = 'there';
const CHUNK = 30_000;

/** Writes to a repository over plain HTTP in all the ways that there are, and knows what must be there afterwards. */
export class Pusher {
  readonly ledger = new Ledger();
  readonly #uploads: Upload[] = [];
  readonly #url: string;
  readonly #api: string;

  constructor(url: string) {
    this.#url = url;
    this.#api = `${url}/v2/crash/repo`;
  }

  /** Pushes, moves tags and deletes, without end; fails when the server dies. */
  async pushOn(worker: string): Promise<never> {
    let before: Descriptor | undefined;
    for (let i = 0; ; i++) {
      const layer = await this.#pushWhole(noise(20_000 + i * 977, `${worker} ${i}`), i % 2 === 0);
      const image = await this.#pushManifest(layer, { tag: `tag-${worker}-${i % 3}` });
      const text = await this.#pushWhole(Buffer.from(`signature ${worker} ${i}`), true);
      const signature = await this.#pushManifest(text, { subject: image });
      await this.#pushInChunks(noise(4 * CHUNK, `chunks ${worker} ${i}`), i % 2 === 0);
      if (before !== undefined) await this.#deleteSignature(before);
      before = i % 3 === 1 ? signature : undefined;
      const loose = await this.#pushWhole(Buffer.from(`loose ${worker} ${i}`), false);
      await this.#delete(`blobs/${loose.digest}`, { [`blob ${loose.digest}`]: undefined });
      const gone = await this.#pushManifest(text, { tag: `gone-${worker}` });
      const [name, also] =
        i % 2 === 0 ? [`gone-${worker}`, {}] : [gone.digest, { [`manifest ${gone.digest}`]: undefined }];
      await this.#delete(`manifests/${name}`, { [`tag gone-${worker}`]: undefined, ...also });
    }
  }

  /** Everything acknowledged is there, nothing that was deleted is, and what is there is right. */
  async check(): Promise<void> {
    await this.#checkContents('blob ', 'blobs');
    await this.#checkContents('manifest ', 'manifests');
    const list = readJson(await (await fetch(`${this.#api}/tags/list`)).text()) as { tags?: string[] };
    for (const [tag, values] of this.ledger.expected('tag ')) {
      const response = await fetch(`${this.#api}/manifests/${tag}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      const digest = response.headers.get('docker-content-digest') ?? undefined;
      expect(values, `tag ${tag}`).toContain(response.status === 404 ? undefined : digest);
      if (response.status === 200) expect(describe(bytes).digest).toBe(digest);
      expect(list.tags?.includes(tag) ?? false, `tag ${tag} in the list`).toBe(response.status === 200);
    }
    for (const [pair, values] of this.ledger.expected('referrer ')) {
      const [subject, digest = ''] = pair.split(' ');
      const index = readJson(await (await fetch(`${this.#api}/referrers/${subject}`)).text()) as {
        manifests: Descriptor[];
      };
      const listed = index.manifests.some((entry) => entry.digest === digest);
      expect(values, `referrer ${pair}`).toContain(listed ? THERE : undefined);
      const { status } = await fetch(`${this.#api}/manifests/${digest}`, { method: 'HEAD' });
      expect(listed, `referrer ${pair} in the list`).toBe(status === 200);
    }
  }

  /** A client that goes on completes each upload that it had not ended. @returns how many */
  async goOn(): Promise<number> {
    let completed = 0;
    for (const { content, location, acknowledgedBytes, ending } of this.#uploads) {
      const state = await fetch(`${this.#url}${location}`);
      if (ending && state.status === 404) continue;
      expect(state.status, location).toBe(204);
      const last = Number(state.headers.get('range')?.split('-')[1] ?? Number.NaN);
      const held = last === 0 ? 0 : last + 1;
      expect(held, location).toBeGreaterThanOrEqual(acknowledgedBytes);
      const { digest } = describe(content);
      const end = `${this.#url}${location}?digest=${digest}`;
      const response = await fetch(end, { method: 'PUT', body: Buffer.from(content.subarray(held)) });
      expect(response.status, `${location} from ${held} on: ${await response.text()}`).toBe(201);
      const blob = await fetch(`${this.#api}/blobs/${digest}`);
      expect(describe(Buffer.from(await blob.arrayBuffer())).digest).toBe(digest);
      completed++;
    }
    return completed;
  }

  async #send(method: string, url: string, body: Uint8Array = Buffer.alloc(0), headers = {}): Promise<Response> {
    const response = await fetch(url, { method, body: Buffer.from(body), headers });
    const said = await response.text();
    if (!response.ok) expect.fail(`${method} ${url}: ${response.status} ${said}`);
    return response;
  }

  async #pushWhole(bytes: Uint8Array, inOne: boolean): Promise<Descriptor> {
    const descriptor = describe(bytes, 'text/plain');
    const query = `?digest=${descriptor.digest}`;
    const start = `${this.#api}/blobs/uploads/`;
    await this.ledger.set({ [`blob ${descriptor.digest}`]: THERE }, async () => {
      if (inOne) return this.#send('POST', `${start}${query}`, bytes);
      const location = (await this.#send('POST', start)).headers.get('location');
      return this.#send('PUT', `${this.#url}${location}${query}`, bytes);
    });
    return descriptor;
  }

  async #pushInChunks(content: Uint8Array, end: boolean): Promise<void> {
    const location = (await this.#send('POST', `${this.#api}/blobs/uploads/`)).headers.get('location') ?? '';
    const upload: Upload = { content, location, acknowledgedBytes: 0, ending: false };
    this.#uploads.push(upload);
    for (let at = 0; at < content.byteLength - CHUNK; at += CHUNK) {
      await this.#send('PATCH', `${this.#url}${location}`, content.subarray(at, at + CHUNK));
      upload.acknowledgedBytes = at + CHUNK;
    }
    if (!end) return;
    upload.ending = true;
    const { digest } = describe(content);
    const rest = content.subarray(upload.acknowledgedBytes);
    const url = `${this.#url}${location}?digest=${digest}`;
    await this.ledger.set({ [`blob ${digest}`]: THERE }, () => this.#send('PUT', url, rest));
  }

  async #pushManifest(layer: Descriptor, where: { tag?: string; subject?: Descriptor }): Promise<Descriptor> {
    const { tag, subject } = where;
    const config = { ...(await this.#pushWhole(Buffer.from('{}'), true)), mediaType: mediaTypes.ociEmpty };
    const { descriptor, bytes } = packManifest({ artifactType: 'application/x', config, layers: [layer], subject });
    const { digest, mediaType } = descriptor;
    const changes = {
      [`manifest ${digest}`]: THERE,
      ...(tag === undefined ? {} : { [`tag ${tag}`]: digest }),
      ...(subject === undefined ? {} : { [`referrer ${subject.digest} ${digest}`]: THERE }),
    };
    const url = `${this.#api}/manifests/${tag ?? digest}`;
    await this.ledger.set(changes, () => this.#send('PUT', url, bytes, { 'content-type': mediaType }));
    return descriptor;
  }

  async #deleteSignature({ digest }: Descriptor): Promise<void> {
    const listed = this.ledger.expected('referrer ').filter(([pair]) => pair.endsWith(` ${digest}`));
    const changes = Object.fromEntries(listed.map(([pair]) => [`referrer ${pair}`, undefined]));
    await this.#delete(`manifests/${digest}`, { [`manifest ${digest}`]: undefined, ...changes });
  }

  async #delete(path: string, changes: Readonly<Record<string, undefined>>): Promise<void> {
    await this.ledger.set(changes, () => this.#send('DELETE', `${this.#api}/${path}`));
  }

  async #checkContents(beginning: string, family: string): Promise<void> {
    for (const [digest, values] of this.ledger.expected(beginning)) {
      const response = await fetch(`${this.#api}/${family}/${digest}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      expect([200, 404]).toContain(response.status);
      expect(values, `${beginning}${digest}`).toContain(response.status === 200 ? THERE : undefined);
      if (response.status === 200) expect(describe(bytes).digest).toBe(digest);
    }
  }
}
