import { type Command, Option } from 'commander';
import { CodedError, type Instant, parseDuration, parseInstant } from '#core';
import {
  defaultLifetimes,
  initRepository,
  isTopLevelRole,
  isUnchanged,
  renewTargets,
  rotateRoot,
  rotateStream,
  type SignedRoot,
  signRoot,
  signWaiting,
  statusOf,
} from '#tuf';
import { type Io, writeText } from '../io.ts';
import { loadTufPublicKey } from '../key-files.ts';
import { asLines } from '../one-line.ts';
import { type CommonOptions, collect, parsing, withCommonOptions } from '../options.ts';
import { describeResult, describeRoot, nextStepOf, statusAsJson, statusAsText } from '../tuf.ts';
import { loadSigners, now, parseCount, type SignerFiles, tufExample, withSigners } from './tuf-options.ts';
import { addCommand, fetchCommand, publishCommand, refreshCommand, reportPublished } from './tuf-targets.ts';

/** `tuf`: a TUF repository in a directory, from its first root to what a zone fetches from it. */
export function tufCommand(command: Command, io: Io): void {
  initCommand(command.command('init'), io);
  const root = command
    .command('root')
    .description('sign roots')
    .addHelpText('after', '\nExample:\n  export-center tuf root sign repo --key a.key');
  rootSignCommand(root.command('sign'), io);
  rotateCommand(command.command('rotate'), io);
  signCommand(command.command('sign'), io);
  addCommand(command.command('add'), io);
  refreshCommand(command.command('refresh'), io);
  statusCommand(command.command('status'), io);
  publishCommand(command.command('publish'), io);
  fetchCommand(command.command('fetch'), io);
  command.addHelpText('after', tufExample);
}

interface InitCommandOptions extends CommonOptions {
  readonly rootKey: readonly string[];
  readonly rootThreshold?: number;
  readonly targetsKey: readonly string[];
  readonly onlineKey: readonly string[];
  readonly targetsThreshold?: number;
  readonly onlineThreshold?: number;
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
    .requiredOption('--targets-key <file>', 'public key of the top-level targets; repeatable', collect)
    .option('--targets-threshold <number>', 'how many targets keys must sign; 1 by default', parsing(parseCount))
    .requiredOption('--online-key <file>', 'public key of snapshot and timestamp; repeatable', collect)
    .option('--online-threshold <number>', 'how many online keys must sign; 1 by default', parsing(parseCount))
    .addOption(lifetime('root', 'root'))
    .addOption(lifetime('targets', 'version of the targets'))
    .addOption(lifetime('stream', 'version of a stream'))
    .addOption(lifetime('snapshot', 'snapshot'))
    .addOption(lifetime('timestamp', 'timestamp'))
    .addHelpText('after', tufExample)
    .action((dir: string, options: InitCommandOptions) => init(io, dir, options));
}

async function init(io: Io, dir: string, options: InitCommandOptions): Promise<void> {
  const load = (paths: readonly string[]) => Promise.all(paths.map(loadTufPublicKey));
  const rootKeys = await load(options.rootKey);
  const progress = await initRepository(dir, {
    rootKeys,
    rootThreshold: options.rootThreshold ?? Math.floor(rootKeys.length / 2) + 1,
    targetsKeys: await load(options.targetsKey),
    targetsThreshold: options.targetsThreshold,
    onlineKeys: await load(options.onlineKey),
    onlineThreshold: options.onlineThreshold,
    lifetimes: {
      root: options.rootExpires,
      targets: options.targetsExpires,
      stream: options.streamExpires,
      snapshot: options.snapshotExpires,
      timestamp: options.timestampExpires,
    },
    at: now(),
  });
  await reportRoot(io, dir, { ...progress, published: [], waiting: [] }, options);
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
  const lines = [describeRoot(signed), ...describeResult(dir, signed)];
  if (!signed.complete) lines.push(`next: export-center tuf root sign ${dir} --key FILE`);
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify(signed)}\n` : asLines(lines));
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
    await reportRoot(io, dir, { ...progress, published: [], waiting: [] }, options);
    return;
  }
  const signers = await loadSigners(io, options.targetsKey, options.streamKey, options.onlineKey);
  const result =
    role === 'targets'
      ? await renewTargets(dir, signers, now())
      : await rotateStream(dir, role, change, signers, now());
  await reportPublished(io, dir, result, options);
}

interface SignOptions extends CommonOptions, SignerFiles {
  readonly merge?: readonly string[];
}

function signCommand(command: Command, io: Io): void {
  withSigners(withCommonOptions(command), 'targets', 'stream', 'online')
    .description('sign what waits of the roles below the root; publish it when enough keys have signed')
    .argument('<dir>', 'directory of the repository, or a copy of it on another machine')
    .option('--merge <file>', 'copy of a file in staged/ that was signed elsewhere; repeatable', collect)
    .addHelpText(
      'after',
      `
A role with a threshold above one waits in staged/ until enough keys have signed. They can sign on different machines:
copy the directory there, sign, and merge the file in its staged/ here. tuf status shows what is lacking.

Example:
  export-center tuf sign repo --merge stick/staged/feed.json --online-key o.key`,
    )
    .action(async (dir: string, options: SignOptions) => {
      const signers = await loadSigners(io, options.targetsKey, options.streamKey, options.onlineKey);
      const result = await signWaiting(dir, { signers, copies: options.merge ?? [], at: now() });
      await reportPublished(io, dir, result, options);
    });
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
  await writeText(io.stdout, output === 'json' ? `${JSON.stringify(statusAsJson(found))}\n` : statusAsText(found));
  const due = found.roles.filter(({ state }) => state !== 'valid');
  if (due.length === 0 && found.refused === undefined) return;
  const what = due.map(({ role, state, expires }) => `${role} ${state === 'unsigned' ? 'unsigned' : expires}`);
  throw new CodedError('ERR_EXPORT_TUF_EXPIRING', `${dir}: ${what.join(', ') || found.refused}`, {
    hint: nextStepOf(due, found.waiting),
    details: { roles: due.map(({ role }) => role) },
  });
}
