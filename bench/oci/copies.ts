import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, residentPeak, type Timed } from '../measure.ts';
import { type Client, type ClientName, orasPush } from './clients.ts';
import { type ContestRules, type Entrant, runContest } from './contest.ts';
import { type Server, type ServerName, startServer, withServer } from './servers.ts';
import { withWitness } from './witness.ts';

/** An image in a layout, and how it is called in titles. */
export interface Sample {
  readonly title: string;
  readonly layout: string;
}

/** Where and how often contests of copies take place. */
export interface CopySettings {
  readonly work: string;
  readonly rounds: number;
  /** How many rounds a client takes part in that is slow with such an image. */
  readonly maxRounds?: Partial<Record<ClientName, number>>;
}

/** Each client pushes into a registry of its own that holds nothing. */
export async function contestPush(sample: Sample, clients: readonly Client[], settings: CopySettings): Promise<void> {
  const entrants = clients.map((client) =>
    entrant(client, settings, () =>
      withServer('docker-registry', settings.work, (host) => measure(client.push(sample.layout, at(host)))),
    ),
  );
  await runContest(copyRules(`push, ${sample.title}`, settings), entrants);
}

/** Each client pulls from one registry into a new layout. */
export async function contestPull(sample: Sample, clients: readonly Client[], settings: CopySettings): Promise<void> {
  await withServer('docker-registry', settings.work, async (host) => {
    await measure(fillerOf(clients).push(sample.layout, at(host)));
    const entrants = clients.map((client) =>
      entrant(client, settings, () => pullInto(settings.work, (layout) => client.pull(at(host), layout))),
    );
    await runContest(copyRules(`pull, ${sample.title}`, settings), entrants);
  });
}

/**
 * Each client pushes what the registry has already, and oras besides pushes the same bytes as files, which it has to
 * hash to know that. What ours sends then is counted by a witness.
 */
export async function contestRerun(sample: Sample, clients: readonly Client[], settings: CopySettings): Promise<void> {
  await withServer('docker-registry', settings.work, async (host) => {
    const filler = fillerOf(clients);
    await measure(filler.push(sample.layout, at(host)));
    const files = await orasPush(sample.layout, `${host}/bench/files:v1`, settings.work);
    await measure(files);
    const entrants = clients.map((client) =>
      entrant(client, settings, () => measure(client.push(sample.layout, at(host)))),
    );
    entrants.push({ name: 'oras push', turn: () => measure(files) });
    const title = `push again with nothing to send, ${sample.title}`;
    await runContest({ ...copyRules(title, settings), aim: { maxTime: 0.3 }, beside: ['oras push', 'oras'] }, entrants);
    const seen = await withWitness(host, (witness) => measure(filler.push(sample.layout, at(witness))));
    const { requests, uploads, uploadedBytes } = seen;
    if (uploads + uploadedBytes > 0) throw new Error(`sent again: ${uploadedBytes} bytes in ${uploads} requests`);
    console.log(`\nours, counted by a proxy: ${requests} requests, none to upload a blob, 0 bytes of blobs`);
  });
}

/** One client moves an image to and from our server, and to and from docker-registry. */
export async function contestServers(sample: Sample, client: Client, settings: CopySettings): Promise<void> {
  const { work, rounds } = settings;
  const names: readonly ServerName[] = ['ours', 'docker-registry'];
  const aim = { minSpeed: 0.9 };
  await runContest(
    { title: `server, ${client.name} pushes ${sample.title}`, rounds, aim },
    names.map((name) => ({
      name,
      turn: () => withServer(name, work, (host) => measure(client.push(sample.layout, at(host)))),
    })),
  );
  await withServers(names, work, async (servers) => {
    for (const { host } of servers.values()) await measure(client.push(sample.layout, at(host)));
    await runContest(
      { title: `server, ${client.name} pulls ${sample.title}`, rounds, aim },
      [...servers].map(([name, { host }]) => ({
        name,
        turn: () => pullInto(work, (layout) => client.pull(at(host), layout)),
      })),
    );
    console.log(`\nour server after that: peak ${residentPeak(servers.get('ours')?.pid).toFixed(0)} MiB`);
  });
}

/** Runs `work` with one server of each name. */
export async function withServers(
  names: readonly ServerName[],
  folder: string,
  work: (servers: ReadonlyMap<ServerName, Server>) => Promise<void>,
): Promise<void> {
  await using running = new AsyncDisposableStack();
  const servers = new Map<ServerName, Server>();
  for (const name of names) {
    const server = await startServer(name, folder);
    running.defer(() => server.stop());
    servers.set(name, server);
  }
  await work(servers);
}

async function pullInto(work: string, command: (layout: string) => Timed) {
  const folder = await mkdtemp(join(work, 'pull-'));
  try {
    return await measure(command(join(folder, 'layout')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function copyRules(title: string, { rounds }: CopySettings): ContestRules {
  return { title, rounds, aim: { maxTime: 1 }, maxPeakMiB: 200 };
}

function entrant({ name }: Client, { maxRounds }: CopySettings, turn: Entrant['turn']): Entrant {
  const most = maxRounds?.[name];
  return { name, turn, ...(most === undefined ? {} : { maxRounds: most }) };
}

function fillerOf(clients: readonly Client[]): Client {
  const [ours] = clients;
  if (ours === undefined) throw new RangeError('nobody takes part');
  return ours;
}

function at(host: string): string {
  return `${host}/bench/image:v1`;
}
