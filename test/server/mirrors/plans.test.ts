import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { addSeconds, type Instant, instantOf, systemClock } from '#core';
import { readJson } from '../../core/read-json.ts';
import { serving } from '../serving.ts';
import { json, offerOf, openMirrorServer } from './fixture.ts';

const { start } = serving();
const HOUR = 60 * 60;

test('a plan that is made again is kept for another day', async () => {
  const { mirror } = await openMirrorServer(start);
  const begin = instantOf(systemClock.now());
  let now: Instant = begin;
  const clock = { now: () => new Date(now) };
  const server = await start({ mirrors: [{ ...(await offerOf(mirror.spec, {})), clock }] });
  const url = `${server.url}/v1/mirrors/main/deltas`;
  const plan = async () => readJson(await (await fetch(url, { method: 'POST', ...json({ bases: [] }) })).text());
  const first = (await plan()) as { readonly id: string };
  now = addSeconds(begin, 23 * HOUR);
  expect(await plan()).toMatchObject({ id: first.id, keptUntil: addSeconds(begin, 47 * HOUR) });
  now = addSeconds(begin, 46 * HOUR);
  expect((await fetch(`${url}/${first.id}`)).status).toBe(200);
  now = addSeconds(begin, 48 * HOUR);
  expect((await fetch(`${url}/${first.id}`)).status).toBe(404);
});

test('a few plans are made at a time, whatever the number of clients; who leaves meanwhile is no failure', async () => {
  const { mirror } = await openMirrorServer(start);
  const offer = await offerOf(mirror.spec, {});
  const reports: unknown[] = [];
  let [running, most] = [0, 0];
  const open: typeof offer.ports.open = async (reference) => {
    const repository = await offer.ports.open(reference);
    const resolve: typeof repository.resolve = async (...args) => {
      most = Math.max(most, ++running);
      await sleep(50);
      running--;
      return repository.resolve(...args);
    };
    return new Proxy(repository, {
      get: (target, name) =>
        name === 'resolve' ? resolve : (Reflect.get(target, name, target) as () => void)?.bind?.(target),
    });
  };
  const ports = { ...offer.ports, open };
  const server = await start({ mirrors: [{ ...offer, ports }], report: (error) => reports.push(error) });
  const controller = new AbortController();
  const ask = (signal?: AbortSignal) =>
    fetch(`${server.url}/v1/mirrors/main/deltas`, { method: 'POST', ...json({ bases: [] }), signal: signal ?? null });
  const gone = Array.from({ length: 4 }, () => ask(controller.signal).catch(() => 'gone'));
  const all = Promise.all(Array.from({ length: 16 }, () => ask()));
  await expect.poll(() => running).toBeGreaterThan(0);
  controller.abort();
  expect((await all).map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 200));
  expect(await Promise.all(gone)).toEqual(['gone', 'gone', 'gone', 'gone']);
  expect(most).toBeLessThanOrEqual(4);
  expect(reports).toEqual([]);
});
