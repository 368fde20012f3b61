import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseKnownJson } from '#core';
import { measure, median, residentPeak } from '../measure.ts';
import { cleanEnvironment, launcher } from '../oci/clients.ts';
import type { Ours } from './ours.ts';

const CLIENTS = 50;

/** Downloads a kit from `serve --mirror` with one client, then with many at once, and prints rates in all. */
export async function printServing({ spec }: Ours, work: string, rounds: number): Promise<void> {
  const env = { ...cleanEnvironment(work), COSIGN_PASSWORD: '' };
  const args = ['serve', '--data', join(work, 'served'), '--listen', '127.0.0.1:0', '--output', 'json'];
  const child = spawn(launcher, [...args, '--mirror', spec], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const kit = await planAt(await urlOf(createInterface({ input: child.stdout })));
    const one = await rate(kit, 1, rounds);
    const many = await rate(kit, CLIENTS, 1);
    const peak = residentPeak(child.pid).toFixed(0);
    console.log(
      `\na kit of ${mib(kit.bytes)} MiB from the server: one client ${mib(one)} MiB/s, ${CLIENTS} clients ${mib(many)} MiB/s in all, ${(many / one).toFixed(2)} of it, aim ≥ 0.5; peak of the server ${peak} MiB`,
    );
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

async function urlOf(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) return (parseKnownJson(line) as { url: string }).url;
  throw new Error('export-center serve ended before it said where it listens');
}

interface ServedKit {
  readonly url: string;
  readonly bytes: number;
}

/** Plans the full kit of the only mirror. */
async function planAt(server: string): Promise<ServedKit> {
  const { mirrors } = parseKnownJson(await (await fetch(`${server}/v1/mirrors`)).text()) as {
    mirrors: { name: string }[];
  };
  const deltas = `${server}/v1/mirrors/${mirrors[0]?.name}/deltas`;
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(deltas, { method: 'POST', headers, body: '{"bases":[]}' });
  const plan = parseKnownJson(await answer.text()) as { id: string; tarBytes: number };
  return { url: `${deltas}/${plan.id}/kit`, bytes: plan.tarBytes };
}

/** Bytes in a second that some clients receive in all. */
async function rate({ url, bytes }: ServedKit, clients: number, rounds: number): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    const argv = ['curl', '--silent', '--show-error', '--fail', '--output', '/dev/null', url];
    await Promise.all(Array.from({ length: clients }, () => measure({ argv })));
    rates.push((bytes * clients * 1000) / (performance.now() - begun));
  }
  return median(rates);
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(0);
}
