import type { Command } from 'commander';
import { CodedError } from '#core';
import {
  factsOf,
  type GatheredKit,
  type KitFiles,
  type KitSources,
  kitTarBytes,
  signedFilesOf,
  streamKit,
  writeKitDirectory,
  writeKitParts,
  writeKitTar,
} from '#mirror';
import type { Signer } from '#signing';
import { type Io, resumable, writeText } from '../io.ts';
import { loadEd25519Signer } from '../key-files.ts';
import { parseSize } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { parsing } from '../options.ts';
import type { ProgressLine } from '../progress.ts';
import { factLinesOf } from './describe-plan.ts';
import { type GatherOptions, withGatherOptions, withPlan } from './gathered.ts';

interface ExportOptions extends GatherOptions {
  readonly to: string;
  readonly kitKey?: string;
  readonly offset: number;
  readonly partSize?: number;
  readonly part?: readonly number[];
  readonly kit?: string;
}

/** `mirror export`. */
export function exportCommand(command: Command, io: Io): void {
  withGatherOptions(command)
    .description('write a kit of the newest snapshot, to be carried into the zone')
    .requiredOption('--to <path>', 'directory of the kit; a file that ends with .tar; or - for a tar on stdout')
    .option('--kit-key <file>', 'private key (Ed25519) that signs the kit itself; use the stream key')
    .option(
      '--offset <bytes>',
      'with --to -, leave out so many bytes, to resume an interrupted transfer',
      parsing(parseOffset),
      0,
    )
    .option(
      '--part-size <size>',
      'write the tar in parts, whose files have at most this size: 4GB, 700MiB, 4294967295',
      parsing(parseSize),
    )
    .option('--part <number>', 'with --part-size, write only this part again; repeatable', parsing(collectPart))
    .option('--kit <id>', 'write nothing unless the kit is this one, as an earlier export or an import named it')
    .addHelpText(
      'after',
      `
The same snapshot always gives the same kit. An interrupted export resumes where it stopped; a complete one writes
nothing.

Examples:
  export-center mirror export mirror.yaml --to kit
  export-center mirror export mirror.yaml --to kit.tar --kit-key stream.key
  export-center mirror export mirror.yaml --to delta.tar --base main.3
  export-center mirror export mirror.yaml --to parts --part-size 4GB --kit-key stream.key
  export-center mirror export mirror.yaml --to - | ssh inside 'cat > kit.tar'`,
    )
    .action((spec: string, options: ExportOptions) => resumable(io, () => runExport(io, spec, options)));
}

async function runExport(io: Io, path: string, options: ExportOptions): Promise<void> {
  if (options.offset > 0 && options.to !== '-') {
    const hint = 'omit it: files and directories are resumed without it';
    throw new CodedError('ERR_EXPORT_USAGE', '--offset can only be used with --to -', { hint });
  }
  refuseOtherForms(options.to);
  refuseParts(options);
  const signer = options.kitKey === undefined ? undefined : await loadEd25519Signer(io, options.kitKey);
  await withPlan(io, path, options, async (plan, sources, progress) => {
    requireKit(plan, options.kit);
    const files = await signedFilesOf(plan, signer);
    const { bytesWritten, parts } = await write({ io, plan, files, sources, signer, options, progress });
    progress.clear();
    const facts = await factsOf(plan);
    const text = asLines([
      `${bytesWritten === 0 ? 'unchanged' : 'written'} ${options.to === '-' ? 'stdout' : options.to}`,
      ...(parts === undefined ? [] : [`parts ${parts.written.join(', ') || 'none'} of ${parts.parts}`]),
      ...factLinesOf(facts),
    ]);
    const cut = parts === undefined ? {} : { parts: parts.parts, partsWritten: parts.written };
    const json = { ...facts, tarBytes: await kitTarBytes(plan, files), to: options.to, bytesWritten, ...cut };
    const stream = options.to === '-' ? io.stderr : io.stdout;
    if (options.to !== '-' || !options.quiet) {
      await writeText(stream, options.output === 'json' ? `${JSON.stringify(json)}\n` : text);
    }
  });
}

const COMPRESSED = /\.(?:t?gz|tgz|t?zst|zstd|t?bz2?|t?xz|zip|7z)$/i;

/** What would become the name of a directory, and means something else. */
function refuseOtherForms(to: string): void {
  const name = `--to ${JSON.stringify(to)}`;
  const refuse = (what: string, hint: string) => {
    throw new CodedError('ERR_EXPORT_USAGE', `${name}: ${what}`, { hint });
  };
  if (COMPRESSED.test(to)) {
    refuse('a kit is not compressed', 'specify a directory, FILE.tar, or -; most blobs are compressed already');
  }
  if (/^(?:oci|oci-archive|docker-archive):/.test(to)) {
    refuse('a reference, not a path', 'specify the path only: a kit is an OCI layout as a directory or a tar');
  }
}

function refuseParts({ to, partSize, part }: ExportOptions): void {
  if (part !== undefined && partSize === undefined) {
    const hint = 'specify the size that the parts had before';
    throw new CodedError('ERR_EXPORT_USAGE', '--part requires --part-size', { hint });
  }
  if (partSize === undefined || (to !== '-' && !to.endsWith('.tar'))) return;
  throw new CodedError('ERR_EXPORT_USAGE', `--to ${JSON.stringify(to)} can't be used with --part-size`, {
    hint: 'specify a directory for the parts',
  });
}

/** A part of another kit than the others is of no use. */
function requireKit({ id }: GatheredKit, wanted: string | undefined): void {
  if (wanted === undefined || wanted === id) return;
  throw new CodedError('ERR_EXPORT_EXPECTATION_MISMATCH', `the kit is ${id} now, not ${wanted.slice(0, 100)}`, {
    hint: 'the snapshot, the TUF metadata or the bases have changed since: export the whole kit again',
    details: { kit: id },
  });
}

/** What an export writes, and with what. */
interface Writing {
  readonly io: Io;
  readonly plan: GatheredKit;
  readonly files: KitFiles;
  readonly sources: KitSources;
  readonly signer: Signer | undefined;
  readonly options: ExportOptions;
  readonly progress: ProgressLine;
}

/** What was written; `parts` where it was cut. */
interface Written {
  readonly bytesWritten: number;
  readonly parts?: Awaited<ReturnType<typeof writeKitParts>>;
}

async function write(writing: Writing): Promise<Written> {
  const { io, plan, files, sources, signer, options, progress } = writing;
  const { to, offset, partSize, part } = options;
  const { signal } = io;
  const total = await kitTarBytes(plan, files);
  if (offset > total) {
    const hint = 'check how many bytes arrived; without --offset the tar begins at its first byte';
    throw new CodedError('ERR_EXPORT_USAGE', `--offset ${offset}: the tar has ${total} bytes`, { hint });
  }
  let done = offset;
  const onBytes = (sizeBytes: number) => {
    done += sizeBytes;
    progress.listen({ stage: 'send', done, total, unit: 'bytes' });
  };
  if (partSize !== undefined) {
    const cut = { partBytes: partSize, signer, only: part, signal, onBytes };
    const parts = await writeKitParts(plan, files, to, sources, cut);
    return { bytesWritten: parts.bytesWritten, parts };
  }
  if (to === '-') {
    const out = io.archiveOut();
    for await (const chunk of streamKit(plan, files, sources, offset, { signal })) {
      signal.throwIfAborted();
      await writeChunk(out, chunk);
      onBytes(chunk.byteLength);
    }
    return { bytesWritten: total - offset };
  }
  if (to.endsWith('.tar')) return { bytesWritten: await writeKitTar(plan, files, to, sources, { signal, onBytes }) };
  return { bytesWritten: await writeDirectory(writing) };
}

function writeDirectory({ io, plan, files, sources, options: { to }, progress }: Writing): Promise<number> {
  return writeKitDirectory(plan, files, to, sources, {
    signal: io.signal,
    onProgress: (_, { completedBytes, movingBytes, knownBytes, underWay }) =>
      progress.listen({
        stage: 'send',
        done: completedBytes + movingBytes,
        total: knownBytes,
        unit: 'bytes',
        underWay,
      }),
  });
}

function writeChunk(out: NodeJS.WritableStream, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function parseOffset(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CodedError('ERR_EXPORT_USAGE', `not a number of bytes: ${JSON.stringify(text.slice(0, 100))}`, {});
}

function collectPart(text: string, previous: readonly number[] | undefined): number[] {
  if (/^[1-9]\d{0,3}$/.test(text)) return [...(previous ?? []), Number(text)];
  throw new CodedError('ERR_EXPORT_USAGE', `not the number of a part: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'write a number from 1',
  });
}
