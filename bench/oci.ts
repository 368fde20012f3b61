import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ClientName, clientNamed } from './oci/clients.ts';
import {
  type CopySettings,
  contestPull,
  contestPush,
  contestRerun,
  contestServers,
  type Sample,
} from './oci/copies.ts';
import { writeImage } from './oci/image.ts';
import { contestReaders } from './oci/readers.ts';

const contests = ['push', 'pull', 'rerun', 'servers', 'readers'] as const;
type Contest = (typeof contests)[number];
const peers = ['oras', 'crane', 'regctl', 'skopeo'] as const satisfies readonly ClientName[];

const MIB = 1024 * 1024;

/**
 * Compares our copying with oras, crane, skopeo and regctl over one docker-registry on loopback, and our registry with
 * docker-registry under the same clients, for an image of few large layers and one of many small ones.
 */
export async function benchOci(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const work = await mkdtemp(join(tmpdir(), 'bench-oci-'));
  try {
    console.log(
      `${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)} (a load above the number of cores makes times say little)`,
    );
    const large = await sampleOf(work, options.largeCount, options.largeBytes);
    const small = await sampleOf(work, options.smallCount, options.smallBytes);
    await contestClients(large, small, work, options);
    await contestRegistries(large, small, work, options);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Options = ReturnType<typeof readOptions>;

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      'slow-rounds': { type: 'string', default: '1' },
      'large-count': { type: 'string', default: '8' },
      'large-mib': { type: 'string', default: '128' },
      'small-count': { type: 'string', default: '2000' },
      'small-kib': { type: 'string', default: '16' },
      only: { type: 'string', default: contests.join(',') },
      peers: { type: 'string', default: peers.join(',') },
    },
  });
  const only = values.only.split(',');
  return {
    rounds: Number(values.rounds),
    slowRounds: Number(values['slow-rounds']),
    largeCount: Number(values['large-count']),
    largeBytes: Number(values['large-mib']) * MIB,
    smallCount: Number(values['small-count']),
    smallBytes: Number(values['small-kib']) * 1024,
    wants: (contest: Contest) => only.includes(contest),
    clients: ['ours', ...peers.filter((peer) => values.peers.split(',').includes(peer))] as const,
  };
}

async function sampleOf(work: string, layers: number, layerBytes: number): Promise<Sample> {
  const size = layerBytes < MIB ? `${layerBytes / 1024} KiB` : `${layerBytes / MIB} MiB`;
  const title = `${layers} × ${size}`;
  const layout = await mkdtemp(join(work, 'image-'));
  await writeImage(layout, { layers, layerBytes });
  return { title, layout };
}

async function contestClients(large: Sample, small: Sample, work: string, options: Options): Promise<void> {
  const { rounds, slowRounds } = options;
  const clients = options.clients.map((name) => clientNamed(name, work));
  const some = clients.filter(({ name }) => name !== 'skopeo' && name !== 'crane');
  // A blob at a time takes them minutes where others need seconds.
  const slow: CopySettings = { work, rounds, maxRounds: { skopeo: slowRounds, crane: slowRounds } };
  if (options.wants('push')) {
    await contestPush(large, clients, { work, rounds });
    await contestPush(small, clients, slow);
  }
  if (options.wants('pull')) {
    await contestPull(large, clients, { work, rounds });
    await contestPull(small, clients, slow);
  }
  if (options.wants('rerun')) {
    await contestRerun(large, some, { work, rounds });
    await contestRerun(small, some, { work, rounds });
  }
}

async function contestRegistries(large: Sample, small: Sample, work: string, options: Options): Promise<void> {
  const { rounds } = options;
  if (options.wants('servers')) {
    const oras = clientNamed('oras', work);
    await contestServers(large, oras, { work, rounds });
    await contestServers(small, oras, { work, rounds });
    await contestServers(large, clientNamed('crane', work), { work, rounds });
  }
  if (options.wants('readers')) await contestReaders(work, options.largeBytes * options.largeCount, rounds);
}
