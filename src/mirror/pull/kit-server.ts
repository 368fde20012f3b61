import { type Digest, parseJson } from '#core';
import { type ByteStream, collect } from '#oci/image';
import { checkDeltaPlan, type DeltaPlan } from '../service.ts';

/** A request to the server of a mirror. */
interface KitRequest {
  readonly method: 'GET' | 'POST';
  /** From the root of the server. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In memory, or opened anew for each try. */
  readonly body?: Uint8Array | (() => Promise<ByteStream>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer; its body must be read to the end or dropped. */
export interface KitAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: ByteStream;
  drop(): Promise<void>;
}

/** The server that a mirror is pulled from. It follows no redirect to another origin. */
export interface KitServer {
  /** `HOST:PORT`, for messages. */
  readonly name: string;
  /** The answer, if its status is expected. @throws CodedError for any other, and those of the network */
  send(request: KitRequest, expected: readonly number[]): Promise<KitAnswer>;
}

/** What a client says that its zone has. */
export type PullBases =
  | { readonly type: 'application/json'; readonly body: Uint8Array }
  /** A digest list, opened anew for each try. */
  | { readonly type: string; readonly body: () => Promise<ByteStream> };

const MAX_PLAN_BYTES = 1024 * 1024;

/**
 * Has the server plan a kit.
 *
 * @param mirror `/v1/mirrors/NAME`
 * @throws CodedError of the server and the network, ERR_EXPORT_SCHEMA for an answer that is no plan
 */
export async function requestPlan(
  server: KitServer,
  mirror: string,
  { type, body }: PullBases,
  signal: AbortSignal | undefined,
): Promise<DeltaPlan> {
  const name = `the plan of ${server.name}`;
  const path = `${mirror}/deltas`;
  const answer = await server.send({ method: 'POST', path, headers: { 'content-type': type }, body, signal }, [200]);
  return checkDeltaPlan(parseJson(await collect(answer.body, MAX_PLAN_BYTES, name), name), name);
}

/** The entity tag of a kit. */
export function etagOf(kit: Digest): string {
  return `"${kit}"`;
}
