import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { CodedError, fileError, instantOf, isSystemError, systemClock, writeFileDurable } from '#core';
import { type CarriageFacts, factsOf, type KitFacts, partCount, type SpaceFacts, signPlan } from '#mirror';
import { type Io, writeText } from '../io.ts';
import { loadEd25519Signer } from '../key-files.ts';
import { parseSize } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { parsing } from '../options.ts';
import { carriageLinesOf, factLinesOf } from './describe-plan.ts';
import { type GatherOptions, withGatherOptions, withPlan } from './gathered.ts';

interface PlanOptions extends GatherOptions {
  readonly to?: string;
  readonly mediaSize?: number;
  readonly zoneFree?: number | string;
  readonly rate?: number;
  readonly key?: string;
  readonly statement?: string;
}

/** `mirror plan`. */
export function planCommand(command: Command, io: Io): void {
  withGatherOptions(command)
    .description('show what mirror export would write: files, bytes, tags, media, id of the kit')
    .option('--media-size <size>', 'size of a medium, such as 4.7GB: how many are needed', parsing(parseSize))
    .option('--to <path>', 'where mirror export is to write: whether there is space')
    .option(
      '--zone-free <size>',
      'space that is free in the zone, or a directory of it that is mounted here',
      parsing(parseSizeOrPath),
    )
    .option('--rate <size/s>', 'rate of the transfer, such as 20MB/s: how long it takes', parsing(parseRate))
    .option('--key <file>', 'private key (Ed25519) that signs the plan as a statement')
    .option('--statement <file>', 'where to write the signed plan, a DSSE envelope')
    .addHelpText(
      'after',
      `
Plan with the same --base as the export that follows: the numbers are exact to the byte.

Examples:
  export-center mirror plan mirror.yaml
  export-center mirror plan mirror.yaml --base main.3 --media-size 4.7GB --rate 20MB/s
  export-center mirror plan mirror.yaml --base main.3 --key plan.key --statement plan.dsse.json`,
    )
    .action((spec: string, options: PlanOptions) => plan(io, spec, options));
}

async function plan(io: Io, spec: string, options: PlanOptions): Promise<void> {
  const { key, statement } = options;
  if ((key === undefined) !== (statement === undefined)) {
    const hint = 'use both, or neither';
    throw new CodedError('ERR_EXPORT_USAGE', '--key and --statement require each other', { hint });
  }
  const signer = key === undefined ? undefined : await loadEd25519Signer(io, key);
  await withPlan(io, spec, options, async (gathered) => {
    const facts = await factsOf(gathered);
    const carriage = await carriageOf(facts, options);
    if (signer !== undefined && statement !== undefined) {
      await writeFileDurable(statement, await signPlan(facts, carriage, instantOf(systemClock.now()), signer));
    }
    const text = () => asLines([...factLinesOf(facts), ...carriageLinesOf(carriage)]);
    await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify({ ...facts, ...carriage })}\n` : text());
  });
}

async function carriageOf(
  { signedTarBytes, contentBytes }: KitFacts,
  { mediaSize, to, zoneFree, rate }: PlanOptions,
): Promise<CarriageFacts> {
  return {
    media: mediaSize === undefined ? undefined : { sizeBytes: mediaSize, count: mediaFor(signedTarBytes, mediaSize) },
    space: {
      source: await spaceAt(to, signedTarBytes),
      zone: zoneFree === undefined ? undefined : spaceOf(await zoneFreeBytes(zoneFree), contentBytes),
    },
    time: rate === undefined ? undefined : { bytesPerSecond: rate, seconds: Math.ceil(signedTarBytes / rate) },
  };
}

/** As many as `mirror export --part-size` makes parts, unless the kit fits onto one as it is. */
function mediaFor(tarBytes: number, mediaBytes: number): number {
  return tarBytes <= mediaBytes ? 1 : (partCount(tarBytes, mediaBytes) ?? Math.ceil(tarBytes / mediaBytes));
}

function spaceOf(freeBytes: number, neededBytes: number): SpaceFacts {
  return { freeBytes, neededBytes };
}

async function spaceAt(path: string | undefined, neededBytes: number): Promise<SpaceFacts | undefined> {
  return path === undefined || path === '-' ? undefined : spaceOf(await freeBytesAt(resolve(path)), neededBytes);
}

/** As it was said, or what is free in a directory, which must exist: a mistyped path would be measured elsewhere. */
async function zoneFreeBytes(zoneFree: number | string): Promise<number> {
  if (typeof zoneFree === 'number') return zoneFree;
  try {
    const { bavail, bsize } = await statfs(zoneFree);
    return bavail * bsize;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw fileError(error, zoneFree);
    const what = `--zone-free ${JSON.stringify(zoneFree.slice(0, 200))}: neither a size nor a directory that exists`;
    const hint = 'write a size, such as 10GB, or mount the directory';
    throw new CodedError('ERR_EXPORT_USAGE', what, { hint, cause: error });
  }
}

/** What is free at a path, or at the folder above it that exists. */
async function freeBytesAt(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    const isRoot = dirname(path) === path;
    if (isRoot || !isSystemError(error, 'ENOENT', 'ENOTDIR')) throw fileError(error, path);
    return freeBytesAt(dirname(path));
  }
}

function parseSizeOrPath(text: string): number | string {
  return /^\d/.test(text) ? parseSize(text) : text;
}

function parseRate(text: string): number {
  if (text.endsWith('/s')) return parseSize(text.slice(0, -2));
  throw new CodedError('ERR_EXPORT_USAGE', `not a rate: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'write a size for each second, such as 20MB/s',
  });
}
