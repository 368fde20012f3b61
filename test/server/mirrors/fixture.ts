import { readFile } from 'node:fs/promises';
import { systemClock } from '#core';
import { type MirrorOffer, parseMirrorSpec } from '#mirror';
import { listRepositories, SharedConnections } from '#oci/registry';
import { openRepository } from '#oci/transfer';
import type { RunningServer, ServerOptions } from '#server';
import type { Signer } from '#signing';
import { readJson } from '../../core/read-json.ts';
import { type KitFixture, openKits } from '../../mirror/kit-fixture.ts';
import { jsonOf } from '../../mirror/mirror-fixture.ts';
import type { Serving } from '../serving.ts';

/** A registry with content, a mirror of it with one snapshot, and a server that offers it. */
export interface MirrorServer extends KitFixture {
  readonly server: RunningServer;
  /** `http://HOST:PORT/v1/mirrors/main`. */
  readonly url: string;
  /** Sends a request to the API, below `/v1/mirrors/main`. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** Plans a kit. */
  plan(
    body?: unknown,
  ): Promise<Record<string, unknown> & { readonly id: string; readonly href: string; readonly tarBytes: number }>;
}

/** How a mirror is offered. */
interface OfferOptions {
  readonly signer?: Signer | undefined;
  /** Registries that may be bases. */
  readonly allow?: readonly string[];
}

/** What a server needs to offer the mirror of a spec. */
export async function offerOf(spec: string, { signer, allow = [] }: OfferOptions): Promise<MirrorOffer> {
  const shared = new SharedConnections();
  const opening = {
    env: {},
    shared,
    connections: 256,
    retry: { attempts: 2, firstMs: 1, longestMs: 100, budgetMs: 1e9 },
  };
  return {
    spec: parseMirrorSpec(await readFile(spec), spec),
    ports: {
      open: (reference) => openRepository(reference, opening),
      list: (registry) => listRepositories(registry, opening),
    },
    signer,
    allowedRegistries: new Set(allow),
    clock: systemClock,
  };
}

export async function openMirrorServer(
  start: Serving['start'],
  { signer, allow = [], ...options }: Partial<ServerOptions> & OfferOptions = {},
): Promise<MirrorServer> {
  const kits = await openKits();
  jsonOf(await kits.mirror.snapshot('--output', 'json'));
  const server = await start({ mirrors: [await offerOf(kits.mirror.spec, { signer, allow })], ...options });
  const url = `${server.url}/v1/mirrors/main`;
  const ask = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init);
  return {
    ...kits,
    server,
    url,
    ask,
    async plan(body = { bases: [] }) {
      const answer = await ask('/deltas', { method: 'POST', ...json(body) });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
      return readJson(text) as never;
    },
  };
}

/** A JSON body with its type. */
export function json(body: unknown): { readonly body: string; readonly headers: Record<string, string> } {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

/** A problem document, and what came with it. */
interface Problem {
  readonly status: number;
  readonly code: unknown;
  readonly headers: Headers;
  readonly problem: Readonly<Record<string, unknown>>;
}

/** The status and code of a problem; what else it says is in `problem`. */
export async function problemOf(answer: Response | Promise<Response>): Promise<Problem> {
  const response = await answer;
  const problem = readJson(await response.text()) as Record<string, unknown>;
  return { status: response.status, code: problem['code'], headers: response.headers, problem };
}
