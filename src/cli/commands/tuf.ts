import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
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
import type { Signer } from '#signing';
import {
  addTarget,
  defaultLifetimes,
  directorySource,
  directoryState,
  initRepository,
  isTopLevelRole,
  isUnchanged,
  type PublishedRole,
  type RepositoryStatus,
  type RoleStatus,
  type RootProgress,
  refreshOnlineRoles,
  refreshRepository,
  renewTargets,
  rotateRoot,
  rotateStream,
  type SignedRoot,
  signRoot,
  statusOf,
} from '#tuf';
import { type Io, writeText } from '../io.ts';
import { loadTufPublicKey, loadTufSigner } from '../key-files.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines, asRow } from '../one-line.ts';
import { type CommonOptions, collect, parsing, withCommonOptions } from './options.ts';

/** `tuf`: a TUF repository in a directory, from its first root to what a zone fetches from it. */
export function tufCommand(command: Command, io: Io): void {
  initCommand(command.command('init'), io);
  const root = command
    .command('root')
    .description('sign roots')
    .addHelpText('after', '\nExample:\n  export-center tuf root sign repo --key a.key');
  rootSignCommand(root.command('sign'), io);
  rotateCommand(command.command('rotate'), io);
  addCommand(command.command('add'), io);
  refreshCommand(command.command('refresh'), io);
  statusCommand(command.command('status'), io);
  fetchCommand(command.command('fetch'), io);
  command.addHelpText('after', EXAMPLE);
}

const EXAMPLE = `
Keys are Ed25519 or ECDSA P-256: cosign.key and cosign.pub, or PKCS#8 and SubjectPublicKeyInfo PEM.

Example:
  export-center tuf init repo --root-key a.pub --root-key b.pub --root-key c.pub --root-threshold 2 --targets-key t.pub --online-key o.pub
  export-center tuf root sign repo --key a.key
  export-center tuf root sign repo --key b.key --targets-key t.key --online-key o.key
  export-center tuf add repo feed.json --stream feed --stream-key t.key --targets-key t.key --online-key o.key
  export-center tuf refresh repo --online-key o.key`;

/** Private keys of the roles below the root. */
interface SignerFiles {
  readonly targetsKey?: readonly string[];
  readonly streamKey?: readonly string[];
  readonly onlineKey?: readonly string[];
}

function withSigners(command: Command, ...roles: readonly ('targets' | 'stream' | 'online')[]): Command {
  const what = {
    targets: 'private key of the top-level targets; repeatable',
    stream: 'private key of the stream; repeatable',
    online: 'private key of snapshot and timestamp; repeatable',
  };
  for (const role of roles) command.option(`--${role}-key <file>`, what[role], collect);
  return command;
}

async function loadSigners(io: Io, ...lists: readonly (readonly string[] | undefined)[]): Promise<Signer[]> {
  const signers: Signer[] = [];
  // One after the other: each may ask for its password.
  for (const path of new Set(lists.flatMap((list) => list ?? []))) signers.push(await loadTufSigner(io, path));
  return signers;
}

const now = (): Instant => instantOf(systemClock.now());

interface InitCommandOptions extends CommonOptions {
  readonly rootKey: readonly string[];
  readonly rootThreshold?: number;
  readonly targetsKey: readonly string[];
  readonly onlineKey: readonly string[];
  readonly rootExpires: number;
  readonly targetsExpires: number;
  readonly streamExpires: number;
  readonly snapshotExpires: number;
  readonly timestampExpires: number;
}

function initCommand(command: Command, io: Io): void {
  const lifetime = (role: keyof typeof defaultLifetimes, what: string) =>
    new Option(`--${role}-expires <duration>`, `for how long a new ${what} is valid`)
      .argParser(parsing(parseDuration))
      .default(defaultLifetimes[role], `${defaultLifetimes[role] / 86_400}d`);
  withCommonOptions(command)
    .description('create a repository whose first root waits for signatures')
    .argument('<dir>', 'directory of the repository; created if missing')
    .requiredOption('--root-key <file>', 'public key of the root; repeatable', collect)
    .option('--root-threshold <number>', 'how many root keys must sign; more than half by default', parsing(parseCount))
    .requiredOption('--targets-key <file>', 'public key of the top-level targets; repeatable, any one signs', collect)
    .requiredOption('--online-key <file>', 'public key of snapshot and timestamp; repeatable, any one signs', collect)
    .addOption(lifetime('root', 'root'))
    .addOption(lifetime('targets', 'version of the targets'))
    .addOption(lifetime('stream', 'version of a stream'))
    .addOption(lifetime('snapshot', 'snapshot'))
    .addOption(lifetime('timestamp', 'timestamp'))
    .addHelpText('after', EXAMPLE)
    .action((dir: string, options: InitCommandOptions) => init(io, dir, options));
}

async function init(io: Io, dir: string, options: InitCommandOptions): Promise<void> {
  const load = (paths: readonly string[]) => Promise.all(paths.map(loadTufPublicKey));
  const rootKeys = await load(options.rootKey);
  const progress = await initRepository(dir, {
    rootKeys,
    rootThreshold: options.rootThreshold ?? Math.floor(rootKeys.length / 2) + 1,
    targetsKeys: await load(options.targetsKey),
    onlineKeys: await load(options.onlineKey),
    lifetimes: {
      root: options.rootExpires,
      targets: options.targetsExpires,
      stream: options.streamExpires,
      snapshot: options.snapshotExpires,
      timestamp: options.timestampExpires,
    },
    at: now(),
  });
  await reportRoot(io, dir, { ...progress, published: [] }, options);
}

interface RootSignOptions extends CommonOptions, SignerFiles {
  readonly key?: readonly string[];
  readonly merge?: readonly string[];
}

function rootSignCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'targets', 'stream', 'online')
    .description('sign the root that waits for signatures; publish it when enough keys have signed')
    .argument('<dir>', 'directory of the repository, or a copy of it on another machine')
    .option('--key <file>', 'private key of the root; repeatable', collect)
    .option('--merge <file>', 'copy of staged/root.json that was signed elsewhere; repeatable', collect)
    .addHelpText(
      'after',
      `
Root keys can sign on different machines: copy the directory there, sign, and merge its staged/root.json here.
With the last signature give the keys of the other roles too where their metadata has to be signed again: for the first
root, and after tuf rotate removed a key.

Example:
  export-center tuf root sign repo --merge stick/staged/root.json --targets-key t.key --online-key o.key`,
    )
    .action((dir: string, options: RootSignOptions) => signStagedRoot(io, dir, options));
}

async function signStagedRoot(io: Io, dir: string, options: RootSignOptions): Promise<void> {
  const signed = await signRoot(dir, {
    rootSigners: await loadSigners(io, options.key),
    copies: options.merge ?? [],
    signers: await loadSigners(io, options.targetsKey, options.streamKey, options.onlineKey),
    at: now(),
  });
  await reportRoot(io, dir, signed, options);
}

async function reportRoot(io: Io, dir: string, signed: SignedRoot, { output }: CommonOptions): Promise<void> {
  const lines = [describeRoot(signed), ...describePublished(signed.published)];
  if (!signed.complete) lines.push(`next: export-center tuf root sign ${dir} --key FILE`);
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify(signed)}\n` : asLines(lines));
}

function describeRoot({ version, expires, signedBy, threshold, previous, complete }: RootProgress): string {
  const own = `${signedBy.length} of ${threshold} signatures`;
  const old =
    previous === undefined ? '' : `, ${previous.signedBy.length} of ${previous.threshold} by the previous root`;
  return `root ${version}: ${own}${old}, ${complete ? 'complete' : 'waits for more'}; expires ${expires}`;
}

function describePublished(published: readonly PublishedRole[]): string[] {
  return published.map(({ role, version, expires }) => `published ${role} ${version}, expires ${expires}`);
}

interface RotateOptions extends CommonOptions, SignerFiles {
  readonly addKey?: readonly string[];
  readonly removeKey?: readonly string[];
  readonly threshold?: number;
}

function rotateCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'targets', 'stream', 'online')
    .description('change the keys of a role, or give root, targets or a stream a later expiry')
    .argument('<dir>', 'directory of the repository')
    .argument('<role>', 'root, targets, snapshot, timestamp or a stream')
    .option('--add-key <file>', 'public key that may sign from now on; repeatable', collect)
    .option('--remove-key <id>', 'keyid, or its first 8 digits, that may no longer sign; repeatable', collect)
    .option('--threshold <number>', 'how many of its keys must sign', parsing(parseCount))
    .addHelpText(
      'after',
      `
Keys of root, targets, snapshot and timestamp are in the root: the change is prepared, and takes effect with tuf root
sign. Keys of a stream are in the targets: the change takes effect at once.

Example:
  export-center tuf rotate repo timestamp --add-key new.pub --remove-key 1f0c9a7e
  export-center tuf rotate repo feed --stream-key f.key --online-key o.key`,
    )
    .action((dir: string, role: string, options: RotateOptions) => rotate(io, dir, role, options));
}

async function rotate(io: Io, dir: string, role: string, options: RotateOptions): Promise<void> {
  const add = await Promise.all((options.addKey ?? []).map(loadTufPublicKey));
  const change = { add, remove: options.removeKey ?? [], threshold: options.threshold };
  if (isTopLevelRole(role) && !(role === 'targets' && isUnchanged(change))) {
    if (role !== 'root' && isUnchanged(change)) {
      const hint = 'specify --add-key, --remove-key or --threshold; renew its expiry with: export-center tuf refresh';
      throw new CodedError('ERR_EXPORT_USAGE', `${role}: no change specified`, { hint });
    }
    const progress = await rotateRoot(dir, role, change, now());
    await reportRoot(io, dir, { ...progress, published: [] }, options);
    return;
  }
  const signers = await loadSigners(io, options.targetsKey, options.streamKey, options.onlineKey);
  const published =
    role === 'targets'
      ? await renewTargets(dir, signers, now())
      : await rotateStream(dir, role, change, signers, now());
  await reportPublished(io, published, options);
}

interface AddOptions extends CommonOptions, SignerFiles {
  readonly stream: string;
  readonly base?: number;
}

function addCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'stream', 'targets', 'online')
    .description('list a file as the next target of a stream, STREAM.SEQUENCE.json')
    .argument('<dir>', 'directory of the repository')
    .argument('<file>', 'the file')
    .requiredOption('--stream <name>', 'the stream; a new one needs --targets-key, and --stream-key becomes its key')
    .option('--base <number>', 'sequence number of the target that this one builds on', parsing(parseCount))
    .addHelpText('after', EXAMPLE)
    .action((dir: string, file: string, options: AddOptions) => add(io, dir, file, options));
}

async function add(io: Io, dir: string, file: string, options: AddOptions): Promise<void> {
  const { stream, base } = options;
  const own = await loadSigners(io, options.streamKey);
  const signers = [...own, ...(await loadSigners(io, options.targetsKey, options.onlineKey))];
  const bytes = await readWhole(file, MAX_TARGET_BYTES);
  const added = await addTarget(dir, { stream, newKey: own[0]?.publicKey, bytes, base, signers, at: now() });
  const line = `${added.published.length === 0 ? 'unchanged' : 'added'} ${added.target} ${added.digest}`;
  const text = asLines([line, ...describePublished(added.published)]);
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(added)}\n` : text);
}

/** As much as clients read. */
const MAX_TARGET_BYTES = 64 * 1024 * 1024;
const MAX_ROOT_BYTES = 512_000;

async function readWhole(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size <= maxBytes) return await file.readFile();
    throw new CodedError('ERR_EXPORT_TOO_LARGE', `${path}: ${formatBytes(size)}, more than ${formatBytes(maxBytes)}`, {
      hint: 'specify a manifest or another small document',
    });
  } catch (error) {
    throw fileError(error, path);
  }
}

function refreshCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'online')
    .description('publish a new timestamp, and a new snapshot where half of its life is over')
    .argument('<dir>', 'directory of the repository')
    .addHelpText('after', '\nExample:\n  export-center tuf refresh repo --online-key o.key')
    .action(async (dir: string, options: CommonOptions & SignerFiles) => {
      const signers = await loadSigners(io, options.onlineKey);
      await reportPublished(io, await refreshOnlineRoles(dir, signers, now()), options);
    });
}

async function reportPublished(io: Io, published: readonly PublishedRole[], { output }: CommonOptions): Promise<void> {
  const text = asLines(describePublished(published));
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify({ published })}\n` : text);
}

interface StatusOptions extends CommonOptions {
  readonly within: number;
  readonly at?: Instant;
}

function statusCommand(command: Command, io: Io): void {
  withCommonOptions(command)
    .description('show who has signed what, and what expires when; exit status 1 if something expires soon')
    .argument('<dir>', 'directory of the repository')
    .addOption(
      new Option('--within <duration>', 'fail if something expires so soon')
        .argParser(parsing(parseDuration))
        .default(14 * 86_400, '14d'),
    )
    .option('--at <time>', 'show the status at this time', parsing(parseInstant))
    .addHelpText(
      'after',
      `
What has more than half of its lifetime left does not count, whatever --within says: with the defaults a timestamp
counts three and a half days before it expires.

Example:
  export-center tuf status repo --within 30d`,
    )
    .action((dir: string, options: StatusOptions) => status(io, dir, options));
}

async function status(io: Io, dir: string, { within, at = now(), output }: StatusOptions): Promise<void> {
  const found = await statusOf(dir, at, within);
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify(statusAsJson(found))}\n` : describeStatus(found));
  const due = found.roles.filter(({ state }) => state !== 'valid');
  if (due.length === 0 && found.refused === undefined) return;
  const what = due.map(({ role, state, expires }) => `${role} ${state === 'unsigned' ? 'unsigned' : expires}`);
  throw new CodedError('ERR_EXPORT_TUF_EXPIRING', `${dir}: ${what.join(', ') || found.refused}`, {
    hint: nextStep(due),
    details: { roles: due.map(({ role }) => role) },
  });
}

function statusAsJson({ roles, staged, refused }: RepositoryStatus) {
  return { roles, staged: staged ?? null, refused: refused ?? null };
}

function nextStep(due: readonly RoleStatus[]): string {
  const offline = due.find(({ role }) => role !== 'timestamp' && role !== 'snapshot')?.role;
  if (offline !== undefined) return `renew it with: export-center tuf rotate DIR ${offline}`;
  if (due.length > 0) return 'renew it with: export-center tuf refresh DIR --online-key FILE';
  return 'sign the root with: export-center tuf root sign DIR --key FILE';
}

function describeStatus({ roles, staged, refused }: RepositoryStatus): string {
  const rows = roles.map(({ role, version, expires, state, threshold, keys, targets }) => {
    const signers = keys.map(({ keyid, signed }) => `${signed ? '+' : '-'}${keyid.slice(0, 12)}`).join(' ');
    const count = targets === undefined ? '' : plural(targets, 'target');
    return asRow([role, version, state, expires, `${threshold} of ${keys.length}`, signers, count]);
  });
  const tail = staged === undefined ? [] : [`staged ${describeRoot(staged)}`];
  tail.push(refused === undefined ? 'a new client accepts this repository' : `a new client refuses it: ${refused}`);
  return `${rows.join('')}${asLines(tail)}`;
}

interface FetchOptions extends CommonOptions {
  readonly trust: string;
  readonly state: string;
  readonly out: string;
  readonly at?: Instant;
  readonly acceptExpired?: number;
}

function fetchCommand(command: Command, io: Io): void {
  withCommonOptions(command)
    .description('verify a repository as a client does, and write one of its targets to a file')
    .argument('<dir>', 'directory of the repository')
    .argument('<target>', 'name of the target, such as feed.3.json')
    .requiredOption('--trust <file>', 'root that you trust; get it from elsewhere than the repository')
    .requiredOption('--state <dir>', 'directory that remembers what was accepted before; created if missing')
    .requiredOption('--out <file>', 'file to write')
    .option(
      '--at <time>',
      'the time at which metadata has to be valid; the time of this machine by default',
      parsing(parseInstant),
    )
    .option(
      '--accept-expired <duration>',
      'accept a timestamp and a snapshot so long after their expiry; never an expired root or stream',
      parsing(parseDuration),
    )
    .addHelpText(
      'after',
      '\nExample:\n  export-center tuf fetch repo feed.3.json --trust root.json --state state --out feed.json',
    )
    .action((dir: string, target: string, options: FetchOptions) => fetchTarget(io, dir, target, options));
}

async function fetchTarget(io: Io, dir: string, target: string, options: FetchOptions): Promise<void> {
  const trusted = await refreshRepository({
    trustedRoot: await readWhole(options.trust, MAX_ROOT_BYTES),
    source: directorySource(dir),
    state: directoryState(options.state),
    at: options.at ?? now(),
    acceptExpired: options.acceptExpired,
  });
  const found = await trusted.find(target);
  if (found === undefined) {
    const hint = 'check its name; only the role that may speak of a name is asked';
    throw new CodedError('ERR_EXPORT_NOT_FOUND', `${target}: no role of the repository lists it`, { hint });
  }
  await writeFileDurable(options.out, await trusted.download(found));
  const { role, length, custom } = found;
  const { waived } = trusted;
  if (!options.quiet) {
    for (const each of waived) {
      await writeText(io.stderr, `warning: ${each.role} ${each.version} expired at ${each.expires}; accepted\n`);
    }
  }
  const digest = `sha256:${found.hashes.get('sha256') ?? ''}`;
  const result = { target, role, digest, length, custom: custom ?? null, root: trusted.root.signed.version, waived };
  const text = asLines([`verified ${target} ${digest}, signed by ${role}, written to ${options.out}`]);
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(result)}\n` : text);
}

/** A whole number from 1 on. */
function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CodedError('ERR_EXPORT_USAGE', `not a number from 1 on: ${JSON.stringify(text.slice(0, 100))}`, {});
}
