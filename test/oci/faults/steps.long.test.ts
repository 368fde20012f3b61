import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type RegistryDouble, send } from '../registry-double.ts';
import { type Journey, startJourney } from './journey.ts';

/** Misbehaves in answering a request; false lets the double answer. */
type Act = (response: ServerResponse, request: IncomingMessage) => unknown;

const reset: Act = (response) => response.destroy();
const stall: Act = () => undefined;

/** Does what was asked for, and the answer never arrives. */
const lose: Act = (response) => {
  response.writeHead = () => response.destroy();
  return false;
};

const breakOff: Act = (response, request) => {
  if (request.method !== 'GET') return response.destroy();
  response.writeHead(200);
  response.flushHeaders();
  return setTimeout(() => response.destroy(), 5);
};

const answer =
  (status: number, headers: Record<string, string> = {}): Act =>
  (response, request) => {
    request.resume();
    send(response, status, headers);
  };

/** Misbehaves at requests of a registry, counted from when this was called; says how many came. */
function misbehave(double: RegistryDouble, act: Act, at: (step: number) => boolean): { readonly hits: number } {
  const seen = { steps: 0, hits: 0 };
  double.fault = async (request, response) => {
    if (!at(seen.steps++)) return false;
    seen.hits++;
    return (await act(response, request)) !== false;
  };
  return seen;
}

/** How long a silent registry is waited for: longer than a busy machine keeps one that answers from doing so. */
const SILENCE_MS = 1000;

/** Steps that are tried at a time, each with registries of its own. */
const AT_ONCE = 8;

/** Runs `run` for each step of a copy at the one registry and then at the other, until a copy has no such step. */
async function atEachStep(
  run: (journey: Journey, side: RegistryDouble, step: number) => Promise<number>,
): Promise<void> {
  const runOne = async (side: 'source' | 'target', step: number): Promise<number> => {
    // A target without a list of referrers takes more steps: the list under a tag is one of them.
    const journey = await startJourney(false);
    try {
      return await run(journey, journey[side], step);
    } finally {
      await journey.close();
    }
  };
  for (const side of ['source', 'target'] as const) {
    for (let step = 0; ; step += AT_ONCE) {
      const hits = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => runOne(side, step + i)));
      if (hits.every((count) => count > 0)) continue;
      expect(step + hits.indexOf(0)).toBeGreaterThan(side === 'source' ? 5 : 15);
      break;
    }
  }
}

test.each<[string, Act]>([
  ['a reset', reset],
  ['a 500', answer(500)],
  ['a 503', (response) => send(response, 503, { 'retry-after': '0' })],
  ['a 429 in seconds', (response) => send(response, 429, { 'retry-after': '0' })],
  ['a 429 with a date', (response) => send(response, 429, { 'retry-after': new Date(0).toUTCString() })],
  ['an answer that breaks off', breakOff],
  ['an answer that is lost', lose],
  ['silence', stall],
])('copy: %s at each step is got over', { timeout: 180_000 }, async (what, act) => {
  await atEachStep(async (journey, side, step) => {
    const seen = misbehave(side, act, (at) => at === step);
    await journey.copy(what === 'silence' ? { idleTimeoutMs: SILENCE_MS } : {});
    journey.checkTarget('moved');
    const list = journey.target.tags.get(`t ${journey.root.digest.replace(':', '-')}`);
    expect(journey.target.manifests.get(`t ${list}`)?.bytes.toString()).toContain(journey.signature.digest);
    return seen.hits;
  });
});

test.each<[string, Act, string]>([
  ['resets', reset, 'ERR_EXPORT_NETWORK'],
  ['500s', answer(500), 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  ['503s', answer(503), 'ERR_EXPORT_REGISTRY_UNAVAILABLE'],
  ['429s', (response) => send(response, 429, { 'retry-after': '3600' }), 'ERR_EXPORT_RATE_LIMITED'],
  ['401s', answer(401, { 'www-authenticate': 'Basic realm="x"' }), 'ERR_EXPORT_UNAUTHORIZED'],
  ['403s', answer(403), 'ERR_EXPORT_FORBIDDEN'],
  ['silence', stall, 'ERR_EXPORT_NETWORK'],
])('copy: %s from any step on end in an error, and no tag has moved', { timeout: 180_000 }, async (what, act, code) => {
  const retry = { attempts: 2, firstMs: 1, budgetMs: 2000 };
  const options = what === 'silence' ? { retry, idleTimeoutMs: SILENCE_MS } : { retry };
  await atEachStep(async (journey, side, step) => {
    const seen = misbehave(side, act, (at) => at >= step);
    const failure = await journey.copy(options).catch((error: unknown) => error);
    if (seen.hits === 0) journey.checkTarget('moved');
    else {
      expect(failure).toMatchObject({ code, hint: expect.stringMatching(/./) });
      journey.checkTarget('stays');
    }
    return seen.hits;
  });
});

test('copy: a storm of 429s from first to last fails nothing while there is time', async () => {
  const journey = await startJourney(false);
  try {
    // Each request is refused twice, with and without a time, before it is answered.
    const seen = new Map<string, number>();
    let refused = 0;
    for (const double of [journey.source, journey.target]) {
      double.fault = (request, response) => {
        // What is refused is a kind of request, not an upload: the next try is another one.
        const name = `${double.host} ${request.method} ${request.url?.replace(/uploads\/.*/, 'uploads')}`;
        const times = seen.get(name) ?? 0;
        if (times === 2) return false;
        seen.set(name, times + 1);
        refused++;
        request.resume();
        send(response, 429, times === 0 ? { 'retry-after': '0' } : {});
        return true;
      };
    }
    const waits: number[] = [];
    const retry = {
      attempts: 1,
      firstMs: 1,
      budgetMs: 60_000,
      onWait: ({ waitMs }: { waitMs: number }) => waits.push(waitMs),
    };
    await journey.copy({ retry });
    journey.checkTarget('moved');
    expect(refused).toBeGreaterThan(30);
    expect(waits.length).toBeGreaterThan(10);
  } finally {
    await journey.close();
  }
});
