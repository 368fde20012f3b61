import type { Command } from 'commander';
import { annotationKeys, CodedError } from '#core';
import { fetchBytes, layersOf, parseManifest } from '#oci/image';
import { type PulledFile, pullFiles } from '#oci/transfer';
import { type FoundArtifact, withArtifact } from '../artifact.ts';
import { type Io, resumable, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { type CommonOptions, type TransportOptions, withCommonOptions, withTransportOptions } from '../options.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';

interface PullCommandOptions extends CommonOptions, TransportOptions {
  readonly dir: string;
  readonly unpack: boolean;
  readonly allowUnportableNames: boolean;
}

const NOTES = `
Directories that oras push packed are unpacked; links and devices in them are refused.

Example:
  export-center pull 127.0.0.1:8080/security/feed:1 -o feed && (cd feed && sha256sum -c checksums.txt)`;

/** `pull`: lays down the files of an artifact. */
export function pullCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by tag or digest')
    .requiredOption('-o, --dir <dir>', 'output directory; created if missing')
    .option('--no-unpack', 'do not unpack directories that oras push packed')
    .option(
      '--allow-unportable-names',
      'accept file names that are not portable, such as con, x., or a next to A',
      false,
    )
    .addHelpText('after', NOTES);
  withTransportOptions(withCommonOptions(command)).action((text: string, options: PullCommandOptions) => {
    const progress = createProgressLine(io, options.quiet);
    const use = (found: FoundArtifact) => resumable(io, () => pull(io, found, options, progress));
    return withArtifact(io, text, options, use, progress);
  });
}

async function pull(
  io: Io,
  { repository, descriptor }: FoundArtifact,
  options: PullCommandOptions,
  progress: ProgressLine,
): Promise<void> {
  const bytes = await fetchBytes(repository, descriptor, { signal: io.signal });
  const manifest = parseManifest(bytes, descriptor.mediaType, `${repository.name}@${descriptor.digest}`);
  if (manifest.kind === 'index') {
    throw new CodedError('ERR_EXPORT_UNSUPPORTED', `${repository.name}@${descriptor.digest}: an index has no files`, {
      hint: 'specify one of its manifests by digest; export-center inspect lists them',
    });
  }
  const layers = layersOf(manifest);
  const titled = layers.filter((layer) => layer.annotations?.[annotationKeys.title] !== undefined);
  const total = titled.reduce((sum, layer) => sum + layer.size, 0);
  let done = 0;
  const advance = (sizeBytes: number) => {
    done += sizeBytes;
    progress.listen({ stage: 'fetch', done, total, unit: 'bytes' });
  };
  const files = await pullFiles(repository, layers, options.dir, {
    signal: io.signal,
    noUnpack: !options.unpack,
    allowUnportableNames: options.allowUnportableNames,
    onBytes: advance,
    onFound: advance,
    onDropped: (sizeBytes) => advance(-sizeBytes),
  });
  progress.clear();
  const untitled = layers.length - titled.length;
  if (untitled > 0 && !options.quiet) await writeText(io.stderr, noteOf(untitled));
  const json = options.output === 'json';
  await writeText(io.stdout, json ? asJson(descriptor.digest, files, untitled) : asText(options.dir, files));
}

function noteOf(untitled: number): string {
  const what = untitled === 1 ? '1 layer without a title was' : `${plural(untitled, 'layer')} without titles were`;
  return `note: ${what} skipped; export-center copy copies all layers\n`;
}

function asJson(digest: string, files: readonly PulledFile[], untitled: number): string {
  const rows = files.map(({ path, state, descriptor, files: unpacked }) => ({
    path,
    digest: descriptor.digest,
    size: descriptor.size,
    state,
    ...(unpacked === undefined ? {} : { files: unpacked }),
  }));
  return `${JSON.stringify({ digest, files: rows, untitled })}\n`;
}

function asText(folder: string, files: readonly PulledFile[]): string {
  const size = files.reduce((sum, file) => sum + file.descriptor.size, 0);
  const count = files.reduce((sum, file) => sum + (file.files ?? 1), 0);
  const present = files.filter((file) => file.state === 'present').length;
  const folders = files.filter((file) => file.state === 'unpacked').length;
  const notes = [
    ...(folders === 0 ? [] : [`${plural(folders, 'directory', 'directories')} unpacked`]),
    ...(present === 0 ? [] : [`${present} already present`]),
  ];
  return `${[`${plural(count, 'file')}, ${formatBytes(size)} in ${folder}`, ...notes].join('; ')}\n`;
}
