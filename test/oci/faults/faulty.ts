import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach } from 'vitest';
import type { Descriptor } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { type OpenOptions, openRepository } from '#oci/transfer';
import { describe, readAll } from '../content.ts';
import { RegistryDouble } from '../registry-double.ts';

/** A registry double that can be told to misbehave, made anew for each test, and clients of it. */
export interface Faulty {
  readonly double: RegistryDouble;
  /** Another double in its place, and clients of that from now on. */
  restart(options?: { referrers: boolean }): Promise<void>;
  open(options?: OpenOptions, name?: string): Promise<Repository>;
  /** Puts a blob into repository `a`, without going through the client. */
  hold(bytes: Uint8Array): Descriptor;
  /** Misbehaves the first `times` that a request matches. */
  misbehave(method: string, pattern: RegExp, act: Act, times?: number): void;
}

type Act = (response: ServerResponse, request: IncomingMessage) => unknown;

export function useFaulty(): Faulty {
  let double: RegistryDouble;
  const opened: Repository[] = [];

  beforeEach(async () => {
    double = await RegistryDouble.start();
  });

  afterEach(async () => {
    for (const repository of opened.splice(0)) await repository.close();
    await double.close();
  });

  return {
    get double() {
      return double;
    },
    async restart(options) {
      await double.close();
      double = await RegistryDouble.start(options);
    },
    async open(options = {}, name = 'a') {
      const retry = { attempts: 4, firstMs: 10, ...options.retry };
      const reference = parseReference(`${double.host}/${name}`);
      const repository = await openRepository(reference, { env: {}, idleTimeoutMs: 5000, ...options, retry });
      opened.push(repository);
      return repository;
    },
    hold(bytes) {
      const descriptor = describe(bytes);
      double.blobs.set(`a ${descriptor.digest}`, Buffer.from(bytes));
      return descriptor;
    },
    misbehave(method, pattern, act, times = Number.POSITIVE_INFINITY) {
      let left = times;
      double.fault = async (request, response, path) => {
        if (request.method !== method || !pattern.test(path) || left <= 0) return false;
        left--;
        await act(response, request);
        return true;
      };
    },
  };
}

export async function fetchAll(repository: Repository, descriptor: Descriptor): Promise<Uint8Array> {
  return readAll(await repository.fetch(descriptor));
}

/** Writes as long as somebody reads, but not for ever. */
export async function writeEndlessly(response: ServerResponse, limitBytes = 100_000_000): Promise<number> {
  let sent = 0;
  const closed = new Promise((resolve) => response.once('close', resolve));
  while (!response.destroyed && sent < limitBytes) {
    sent += 65_536;
    if (response.write(Buffer.alloc(65_536, 0x78))) continue;
    await Promise.race([closed, new Promise((resolve) => response.once('drain', resolve))]);
  }
  return sent;
}
