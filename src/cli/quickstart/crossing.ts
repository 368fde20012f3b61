import { cp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { CodedError, fileError, instantOf, isCoded, systemClock } from '#core';
import {
  gatherKit,
  type ImportReport,
  importKit,
  type KitPlan,
  KitSources,
  type MirrorSpec,
  type PublishedSnapshot,
  parseMirrorSpec,
  placeAt,
  runMirror,
  type SnapshotPorts,
  signedFilesOf,
  writeKitDirectory,
  ZoneState,
} from '#mirror';
import { listRepositories } from '#oci/registry';
import { openRepository } from '#oci/transfer';
import { type Io, untilInterrupted, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import type { CommonOptions } from '../options.ts';
import { createProgressLine } from '../progress.ts';
import { packageVersion } from '../version.ts';
import { prepareKey, type QuickstartKey, startOnFreePort } from './place.ts';
import { exportSample } from './sample.ts';
import { prepareTuf, type TufKeys } from './tuf.ts';

interface CrossingOptions extends CommonOptions {
  readonly data: string;
  readonly once: boolean;
}

/** What a crossing showed. */
interface Crossing {
  readonly outside: string;
  readonly zone: string;
  readonly snapshot: PublishedSnapshot;
  readonly kit: string;
  readonly plan: KitPlan;
  readonly refusal: CodedError;
  readonly report: ImportReport;
}

const BUILDER_ID = 'https://stellaops.io/export-center/builder/quickstart/v1';

/** `quickstart --mirror`: a snapshot of the sample, a kit, a damaged copy refused, the kit imported by a second registry. */
export async function showCrossing(io: Io, options: CrossingOptions): Promise<void> {
  const data = resolve(options.data);
  const progress = createProgressLine(io, options.quiet);
  const key = await prepareKey(data);
  const tuf = await prepareTuf(join(data, 'tuf'), join(data, 'tuf-keys'), instantOf(systemClock.now()));
  await using resources = new AsyncDisposableStack();
  const outside = await startOnFreePort(join(data, 'outside'));
  resources.defer(() => outside.close());
  const zone = await startOnFreePort(join(data, 'zone'));
  resources.defer(() => zone.close());
  await exportSample(io, 'json:raw', `${outside.address}/demo/evidence:1`, key, progress);
  const spec = await writeSpec(data, outside.address);
  const snapshot = await snapshotOf(io, spec, key, tuf);
  const { plan, kit } = await exportKit(io, spec, data, tuf);
  const trustedRoot = new Uint8Array(await readFile(join(spec.tuf, 'metadata', '1.root.json')));
  const into = (path: string) => {
    const target = { kind: 'registry', registry: zone.address, prefix: '' } as const;
    const place = placeAt(target, (reference) => openRepository(reference, { create: true, writes: true }));
    const at = instantOf(systemClock.now());
    return importKit(path, place, new ZoneState(join(data, 'state')), { trustedRoot, at, signal: io.signal });
  };
  const refusal = await refusalOf(kit, into);
  const report = await into(kit);
  progress.clear();
  const crossing = { outside: outside.address, zone: zone.address, snapshot, kit, plan, refusal, report };
  await writeText(io.stdout, options.output === 'json' ? asJson(crossing) : asText(crossing, options));
  if (!options.once) await untilInterrupted(io.signal);
}

async function writeSpec(data: string, registry: string): Promise<MirrorSpec> {
  const path = join(data, 'mirror.yaml');
  const text = `version: 1
stream: sample
source: ${registry}
snapshots: ${registry}/mirrors/sample
tuf: tuf
repositories:
  - name: demo/*
    signatures:
      keys: [trust/cosign.pub]
`;
  await writeFile(path, text).catch((error: unknown) => {
    throw fileError(error, path);
  });
  return parseMirrorSpec(Buffer.from(text), path);
}

const ports: SnapshotPorts = {
  open: (reference) => openRepository(reference, { writes: true }),
  list: (registry) => listRepositories(registry),
};

async function snapshotOf(io: Io, spec: MirrorSpec, key: QuickstartKey, tuf: TufKeys): Promise<PublishedSnapshot> {
  const { signal } = io;
  const repository = await ports.open(spec.snapshots);
  try {
    const verifiers = new Map(spec.rules.flatMap(({ keys = [] }) => keys.map((path) => [path, key.verifier] as const)));
    const prepare = async () => ({
      signer: key.signer,
      tufSigners: tuf.signers,
      streamSigner: tuf.stream,
      builderId: BUILDER_ID,
      builderVersion: { 'export-center': packageVersion(), node: process.versions.node },
      clock: systemClock,
    });
    const snapshots = { repository, reference: spec.snapshots };
    return (await runMirror({ spec, ports, snapshots, verifiers, prepare, signal })).published;
  } finally {
    await repository.close();
  }
}

/** The kit of the run before is replaced: its TUF timestamp is older. */
async function exportKit(
  io: Io,
  spec: MirrorSpec,
  data: string,
  tuf: TufKeys,
): Promise<{ readonly plan: KitPlan; readonly kit: string }> {
  const { signal } = io;
  const sources = new KitSources(spec, ports);
  try {
    const plan = await gatherKit(spec, await sources.repository(spec.snapshots.repository), { signal });
    const kit = join(data, 'kit');
    await rm(kit, { recursive: true, force: true });
    await writeKitDirectory(plan, await signedFilesOf(plan, tuf.stream), kit, sources, { signal });
    return { plan, kit };
  } finally {
    await sources.close();
  }
}

/** What an import says of a copy of the kit in which one byte is another. */
async function refusalOf(kit: string, into: (path: string) => Promise<unknown>): Promise<CodedError> {
  const copy = `${kit}-damaged`;
  await cp(kit, copy, { recursive: true });
  try {
    await flipByte(join(copy, 'index.json'));
    await into(copy);
  } catch (error) {
    if (isCoded(error, 'ERR_EXPORT_KIT_INVALID')) return error;
    throw error;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
  throw new CodedError('ERR_EXPORT_INTERNAL', 'a damaged kit was imported', { hint: 'report it' });
}

async function flipByte(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, 20);
  await file.write(Buffer.of((byte[0] as number) ^ 1), 0, 1, 20);
}

function asJson({ outside, zone, snapshot, kit, plan, refusal, report }: Crossing): string {
  const refused = { code: refusal.code, message: refusal.message };
  return `${JSON.stringify({ outside, zone, snapshot, kit, kitId: plan.id, refused, import: report })}\n`;
}

function asText(crossing: Crossing, { data, once }: CrossingOptions): string {
  const { outside, zone, snapshot, kit, plan, refusal, report } = crossing;
  const { tags, blobs, referrers } = report.fidelity;
  const contentBytes = plan.contents.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const path = (name: string) => relative(process.cwd(), name) || '.';
  const lines = [
    `outside  ${outside}: the sample, exported and signed`,
    `snapshot ${snapshot.sequence}, ${snapshot.digest}, signed, listed by TUF${snapshot.isNew ? '' : ' (unchanged)'}`,
    `kit      ${path(kit)}, ${formatBytes(contentBytes)}, ${plural(plan.contents.length, 'blob and manifest', 'blobs and manifests')}`,
    `refused  a copy with one changed byte: ${refusal.code}, nothing written`,
    `zone     ${zone}: imported, ${plural(tags, 'tag')}, ${plural(blobs, 'blob')}, ${plural(referrers, 'referrer')}, nothing lacking`,
    '',
    'With your own registry: write a mirror spec (examples/mirror.yaml), then',
    '',
    '  export-center mirror snapshot mirror.yaml --key cosign.key --stream-key s.key --targets-key t.key --online-key o.key',
    '  export-center mirror export mirror.yaml --to kit.tar --kit-key s.key',
    '  export-center mirror import kit.tar --to REGISTRY --trust root.json --state state',
    '',
    'docs/mirror-bundles.md explains each step.',
  ];
  if (once)
    lines.push(
      '',
      `To look at both registries, run it without --once: export-center quickstart --mirror --data ${data}`,
    );
  else
    lines.push(
      '',
      `Both registries are up; compare them with: export-center ls ${zone}/demo/evidence`,
      '',
      'Serving until Ctrl-C.',
    );
  return `${lines.join('\n')}\n`;
}
