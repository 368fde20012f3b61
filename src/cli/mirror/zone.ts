import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  CodedError,
  fileError,
  type Instant,
  instantOf,
  parseDuration,
  parseInstant,
  systemClock,
  writeFileDurable,
} from '#core';
import {
  encodeShortCode,
  type ImportReport,
  importKit,
  openKit,
  parseZoneName,
  placeAt,
  proveKit,
  requireSuccessor,
  signReceipt,
  splitContents,
  trustKit,
  ZoneState,
  type ZoneTarget,
  zoneTargetOf,
} from '#mirror';
import { parseReference, type Reference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { type Io, resumable, writeText } from '../io.ts';
import { loadEd25519PublicKey, loadEd25519Signer } from '../key-files.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import {
  type CommonOptions,
  openOptions,
  parsing,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from '../options.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';

interface VerifyOptions extends CommonOptions {
  readonly trust: string;
  readonly state: string;
  readonly at?: Instant;
  readonly acceptExpired?: number;
  readonly kitKey?: string;
}

interface ImportOptions extends VerifyOptions, TransportOptions {
  readonly to: string;
  readonly resetBaseline: boolean;
  readonly prune: boolean;
  readonly zoneKey?: string;
  readonly zone?: string;
  readonly receipt?: string;
}

function withTrustOptions(command: Command): Command {
  return withCommonOptions(command)
    .argument('<kit...>', 'directory or tar of the kit; or all directories and files that hold its parts')
    .requiredOption('--trust <file>', 'TUF root that you trust; get it in another way than the kit')
    .requiredOption('--state <dir>', 'directory that remembers what was accepted before; created if missing')
    .option(
      '--at <time>',
      'the time at which the kit has to be valid; the time of this machine by default',
      parsing(parseInstant),
    )
    .option(
      '--accept-expired <duration>',
      'accept a timestamp and a snapshot so long after their expiry; never an expired root or stream',
      parsing(parseDuration),
    )
    .option(
      '--kit-key <file>',
      'public key (Ed25519) that must have signed the kit itself; by default, a key of its stream',
    );
}

/** `mirror verify`. */
export function verifyCommand(command: Command, io: Io): void {
  withTrustOptions(command)
    .description('verify a kit as mirror import does, and write nothing but the state')
    .addHelpText('after', '\nExample:\n  export-center mirror verify kit.tar --trust root.json --state state')
    .action((kit: readonly string[], options: VerifyOptions) => verify(io, kit, options));
}

/** `mirror import`. */
export function importCommand(command: Command, io: Io): void {
  withTransportOptions(withTrustOptions(command))
    .description('verify a kit, then copy it into a registry or a layout of the zone')
    .requiredOption('--to <target>', 'HOST[:PORT][/PREFIX], or oci:DIR')
    .option('--reset-baseline', 'accept the kit although the target has content and the state is lost', false)
    .option('--prune', 'remove tags that earlier snapshots had and this one has not, where they did not move', false)
    .option('--zone-key <file>', 'private key (Ed25519) that signs a receipt of the import')
    .option('--zone <name>', 'what this zone is called outside; the receipt says so', parsing(parseZoneName))
    .option('--receipt <file>', 'where to write the receipt; in the state directory by default')
    .addHelpText(
      'after',
      `
Nothing is written to the target before the whole kit is verified. An interrupted import resumes where it stopped.

Exit status 2: a delta, and the target lacks its base. 3: the kit must not be used. 5: parts are missing, the import is
incomplete, or the target lacks something afterwards. 75: another import uses the state.

Examples:
  export-center mirror import kit.tar --to registry.zone:5000 --trust root.json --state state
  export-center mirror import /media/disc1 /media/disc2 --to registry.zone:5000 --trust root.json --state state
  export-center mirror import kit --to oci:mirror --trust root.json --state state --zone-key zone.key`,
    )
    .action((kit: readonly string[], options: ImportOptions) => resumable(io, () => runImport(io, kit, options)));
}

async function trustOptionsOf(io: Io, options: VerifyOptions) {
  const trustedRoot = await readFile(options.trust).catch((error: unknown) => {
    throw fileError(error, options.trust);
  });
  return {
    trustedRoot: new Uint8Array(trustedRoot),
    at: options.at ?? instantOf(systemClock.now()),
    acceptExpired: options.acceptExpired,
    kitKey: options.kitKey === undefined ? undefined : await loadEd25519PublicKey(options.kitKey),
    signal: io.signal,
  };
}

async function verify(io: Io, paths: readonly string[], options: VerifyOptions): Promise<void> {
  const trust = await trustOptionsOf(io, options);
  const state = new ZoneState(options.state);
  const progress = createProgressLine(io, options.quiet);
  const open = await openKit(paths, { signal: io.signal });
  const { path } = open;
  try {
    await state.exclusively(async () => {
      const next = { stream: open.kit.stream, sequence: open.kit.sequence, snapshot: open.kit.snapshot.digest };
      requireSuccessor((await state.read()) ?? (await state.readBegun()), next, path);
      const trusted = await trustKit(open, { ...trust, state: state.tuf });
      const contents = await splitContents(open, trusted.snapshot);
      await proveKit(open, trusted.snapshot, contents, { signal: io.signal, onBytes: meter(progress) });
      progress.clear();
      const { stream, sequence, snapshot } = open.kit;
      const { waived, root } = trusted.repository;
      const json = {
        kit: open.id,
        stream,
        sequence,
        snapshot: snapshot.digest,
        rootVersion: root.signed.version,
        isSigned: trusted.isSigned,
        waived,
        bases: open.kit.bases,
        reliedOn: contents.reliedOn.length,
      };
      const text = asLines([
        `verified ${path}: snapshot ${sequence} of ${stream}, ${snapshot.digest}`,
        `kit ${open.id}, ${trusted.isSigned ? 'signed' : 'not signed; TUF covers its snapshot'}`,
        ...(open.kit.bases.length === 0
          ? []
          : [`delta; the target must have ${plural(contents.reliedOn.length, 'content')}, which mirror import checks`]),
        ...waived.map((each) => `waived: ${each.role} ${each.version} expired at ${each.expires}`),
      ]);
      await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(json)}\n` : text);
    });
  } finally {
    progress.clear();
    await open.close();
  }
}

function meter(progress: ProgressLine): (sizeBytes: number, totalBytes: number) => void {
  let done = 0;
  return (sizeBytes, total) => {
    done += sizeBytes;
    progress.listen({ stage: 'check', done, total, unit: 'bytes' });
  };
}

async function runImport(io: Io, paths: readonly string[], options: ImportOptions): Promise<void> {
  const target = parseTarget(options.to);
  if (target.kind === 'layout' && paths.some((path) => resolve(target.path) === resolve(path))) {
    const hint = 'specify another directory: the kit must stay as it is';
    throw new CodedError('ERR_EXPORT_USAGE', `--to ${options.to}: the directory of the kit itself`, { hint });
  }
  if (options.zoneKey === undefined && (options.zone ?? options.receipt) !== undefined) {
    const named = options.zone === undefined ? '--receipt' : '--zone';
    const hint = 'add --zone-key FILE, which signs the receipt';
    throw new CodedError('ERR_EXPORT_USAGE', `${named} requires --zone-key`, { hint });
  }
  const trust = await trustOptionsOf(io, options);
  const zoneKey = options.zoneKey === undefined ? undefined : await loadEd25519Signer(io, options.zoneKey);
  const progress = createProgressLine(io, options.quiet);
  const example: Reference =
    target.kind === 'layout'
      ? { kind: 'layout', path: target.path }
      : { kind: 'registry', registry: target.registry, repository: 'x' };
  const { SharedConnections } = await import('#oci/registry');
  const shared = new SharedConnections();
  const opening = { ...(await openOptions(io, [example], options, progress)), shared, writes: true };
  const place = placeAt(target, (reference, create) => openRepository(reference, { ...opening, create }));
  let report: ImportReport;
  try {
    report = await importKit(paths, place, new ZoneState(options.state), {
      ...trust,
      resetBaseline: options.resetBaseline,
      prune: options.prune,
      onProve: meter(progress),
      onCopy: (_, { completedBytes, movingBytes, knownBytes, underWay }) =>
        progress.listen({
          stage: 'send',
          done: completedBytes + movingBytes,
          total: knownBytes,
          unit: 'bytes',
          underWay,
        }),
    });
  } finally {
    progress.clear();
    await shared.close();
  }
  const receipt =
    zoneKey === undefined
      ? undefined
      : (options.receipt ?? join(options.state, 'receipts', `${report.stream}.${report.sequence}.dsse.json`));
  if (zoneKey !== undefined && receipt !== undefined) {
    await writeFileDurable(receipt, await signReceipt({ ...report, at: trust.at, zone: options.zone }, zoneKey));
  }
  const json = { ...report, receipt: receipt ?? null, code: encodeShortCode(report) };
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(json)}\n` : describeImport(report, receipt));
  if (report.fidelity.lacking.length > 0) throw lacking(report);
  if (report.tombstones.left.some(({ isRefused }) => isRefused)) throw unpruned(report);
}

function describeImport(report: ImportReport, receipt: string | undefined): string {
  const { fidelity, stream, sequence, snapshot, target, bytesSent, tagged, tombstones, waived } = report;
  const { repositories, tags, manifests, blobs, referrers } = fidelity;
  return asLines([
    `imported snapshot ${sequence} of ${stream} into ${target}, ${snapshot}`,
    `${plural(repositories, 'repository', 'repositories')}, ${plural(tags, 'tag')}, ${plural(manifests, 'manifest')}, ${plural(blobs, 'blob')}, ${plural(referrers, 'referrer')}`,
    `sent ${formatBytes(bytesSent)}, ${plural(tagged.length, 'tag')} set`,
    ...waived.map((each) => `waived: ${each.role} ${each.version} expired at ${each.expires}`),
    ...tombstones.pruned.map((name) => `pruned: ${name}`),
    ...tombstones.left.map(({ name, reason }) => `not pruned: ${name}: ${reason}`),
    ...fidelity.lacking.map(({ name, problem }) => `lacking: ${name}: ${problem}`),
    receipt === undefined ? `code ${encodeShortCode(report)}` : `receipt ${receipt}, code ${encodeShortCode(report)}`,
  ]);
}

function lacking({ target, fidelity }: ImportReport): CodedError {
  return new CodedError(
    'ERR_EXPORT_INCOMPLETE',
    `${target} lacks ${plural(fidelity.lacking.length, 'object')} of the snapshot`,
    {
      hint: 'run it again; if it persists, see the lines that begin with lacking',
      details: { lacking: fidelity.lacking.map(({ name }) => name) },
    },
  );
}

function unpruned({ target, tombstones }: ImportReport): CodedError {
  const refused = tombstones.left.filter(({ isRefused }) => isRefused).map(({ name }) => name);
  return new CodedError('ERR_EXPORT_UNSUPPORTED', `${target} did not remove ${plural(refused.length, 'tag')}`, {
    hint: 'the snapshot was imported; remove them with the tools of the registry: see the lines that begin with not pruned',
    details: { tags: refused },
  });
}

const HOST_ONLY = /^[^/]+$/;

function parseTarget(text: string): ZoneTarget {
  if (/^https?:\/\//i.test(text)) {
    throw new CodedError('ERR_EXPORT_USAGE', `--to ${JSON.stringify(text.slice(0, 200))}: a URL, not a registry`, {
      hint: 'specify HOST[:PORT][/PREFIX]; add --plain-http for http',
    });
  }
  const isHost = HOST_ONLY.test(text) && !/^oci(?:-archive)?:/.test(text);
  const reference = parseReference(isHost ? `${text}/x` : text);
  if (isHost && reference.kind === 'registry') return { kind: 'registry', registry: reference.registry, prefix: '' };
  const target = zoneTargetOf(reference);
  if (target !== undefined) return target;
  throw new CodedError('ERR_EXPORT_USAGE', `--to ${JSON.stringify(text)}: not a registry and not a layout`, {
    hint: 'specify HOST[:PORT][/PREFIX] or oci:DIR, without tag',
  });
}
