import type { Command } from 'commander';
import { systemClock } from '#core';
import { type PublishedSnapshot, runMirror, type TakenSnapshot } from '#mirror';
import { type Io, resumable, writeText } from '../io.ts';
import { loadSigner, loadTufSigners, loadVerifier } from '../key-files.ts';
import { plural } from '../numbers.ts';
import { asLines, oneLine } from '../one-line.ts';
import { collect, withCommonOptions, withTransportOptions } from '../options.ts';
import { createProgressLine } from '../progress.ts';
import { packageVersion } from '../version.ts';
import { type LoadedSpec, loadSpec, type SpecOptions } from './spec-file.ts';

interface SnapshotOptions extends SpecOptions {
  readonly key: string;
  readonly streamKey?: readonly string[];
  readonly targetsKey?: readonly string[];
  readonly onlineKey?: readonly string[];
  readonly builderId: string;
}

const BUILDER_ID = 'https://stellaops.io/export-center/builder/mirror/v1';

/** `mirror snapshot`. */
export function snapshotCommand(command: Command, io: Io): void {
  withTransportOptions(withCommonOptions(command))
    .description('take a snapshot of what a mirror spec lists, sign it, and add it to the TUF stream')
    .argument('<spec>', 'file with the mirror spec (YAML)')
    .requiredOption('--key <file>', 'private key that signs the snapshot for cosign (cosign.key, P-256)')
    .option('--stream-key <file>', 'private key of the TUF stream; a new stream gets this key; repeatable', collect)
    .option('--targets-key <file>', 'private key of the top-level targets, for a new stream; repeatable', collect)
    .option('--online-key <file>', 'private key of TUF snapshot and timestamp; repeatable', collect)
    .option('--builder-id <uri>', 'builder.id in the provenance', BUILDER_ID)
    .addHelpText(
      'after',
      `
If nothing has changed since the last snapshot, nothing is written. If tags move while it is taken, it ends with exit
status 5: run it again.

Example:
  export-center mirror snapshot mirror.yaml --key cosign.key --stream-key s.key --targets-key t.key --online-key o.key`,
    )
    .action((spec: string, options: SnapshotOptions) => resumable(io, () => snapshot(io, spec, options)));
}

async function snapshot(io: Io, path: string, options: SnapshotOptions): Promise<void> {
  const progress = createProgressLine(io, options.quiet);
  const loaded = await loadSpec(io, path, options, progress);
  const { spec, ports } = loaded;
  const verifiers = new Map<string, Awaited<ReturnType<typeof loadVerifier>>>();
  for (const key of new Set(spec.rules.flatMap(({ keys = [] }) => keys))) verifiers.set(key, await loadVerifier(key));
  const snapshots = await loaded.openSnapshots();
  try {
    const { taken, published } = await runMirror({
      spec,
      ports,
      snapshots: { repository: snapshots, reference: spec.snapshots },
      verifiers,
      prepare: () => loadSigning(io, options),
      signal: io.signal,
    });
    progress.clear();
    await report(io, loaded, taken, published, options);
  } finally {
    progress.clear();
    await snapshots.close();
    await loaded.close();
  }
}

async function loadSigning(io: Io, options: SnapshotOptions) {
  const signer = await loadSigner(io, options.key);
  const { streamKey, targetsKey, onlineKey } = options;
  const tufSigners = await loadTufSigners(io, streamKey, targetsKey, onlineKey);
  return {
    signer,
    tufSigners: [...tufSigners.values()],
    streamSigner: tufSigners.get(streamKey?.[0] ?? ''),
    builderId: options.builderId,
    builderVersion: { 'export-center': packageVersion(), node: process.versions.node },
    clock: systemClock,
  };
}

function describeState({ isNew, waiting }: PublishedSnapshot): string {
  if (!isNew) return 'unchanged';
  return waiting.length > 0 ? 'staged' : 'published';
}

async function report(
  io: Io,
  { spec }: LoadedSpec,
  taken: TakenSnapshot,
  published: PublishedSnapshot,
  options: SnapshotOptions,
): Promise<void> {
  const { repositories, leftOut } = taken;
  const { registry, repository } = spec.snapshots;
  const reference = `${registry}/${repository}:${published.tag}@${published.digest}`;
  const counts = {
    repositories: repositories.length,
    tags: repositories.reduce((total, { tags }) => total + tags.length, 0),
    manifests: repositories.reduce((total, { manifests }) => total + manifests.length, 0),
  };
  if (!options.quiet) {
    for (const { name, reason } of leftOut) await writeText(io.stderr, `left out: ${oneLine(`${name}: ${reason}`)}\n`);
  }
  const text = asLines([
    `${describeState(published)} ${reference}`,
    `${plural(counts.repositories, 'repository', 'repositories')}, ${plural(counts.tags, 'tag')}, ${plural(counts.manifests, 'manifest')}`,
  ]);
  if (published.waiting.length > 0) {
    const next = `next: sign with the other keys: export-center tuf sign ${spec.tuf}`;
    await writeText(
      io.stderr,
      asLines([`waits for signatures of ${published.waiting.join(', ')}; not listed until then`, next]),
    );
  }
  const json = { reference, stream: spec.stream, ...published, ...counts, leftOut };
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(json)}\n` : text);
}
