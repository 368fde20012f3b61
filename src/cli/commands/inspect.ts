import type { Command } from 'commander';
import { annotationKeys, parseKnownJson } from '#core';
import { artifactTypeOf, fetchBytes, formatReference, layersOf, type Manifest, parseManifest } from '#oci/image';
import { type FoundArtifact, withArtifact } from '../artifact.ts';
import { type Io, writeText } from '../io.ts';
import { formatBytes } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { type CommonOptions, type TransportOptions, withCommonOptions, withTransportOptions } from '../options.ts';

interface InspectOptions extends CommonOptions, TransportOptions {
  readonly raw: boolean;
}

/** `inspect`: the manifest of an artifact. */
export function inspectCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by tag or digest')
    .option('--raw', 'print the manifest byte for byte, and nothing else', false)
    .addHelpText('after', '\nExample:\n  export-center inspect 127.0.0.1:8080/security/trivy-db:2');
  withTransportOptions(withCommonOptions(command)).action((text: string, options: InspectOptions) =>
    withArtifact(io, text, options, (found) => inspect(io, found, options)),
  );
}

async function inspect(
  io: Io,
  { reference, repository, descriptor }: FoundArtifact,
  options: InspectOptions,
): Promise<void> {
  const bytes = await fetchBytes(repository, descriptor, { signal: io.signal });
  const text = Buffer.from(bytes).toString('utf8');
  if (options.raw) return writeText(io.stdout, text);
  const manifest = parseManifest(bytes, descriptor.mediaType, `${repository.name}@${descriptor.digest}`);
  const place = formatReference({ ...reference, digest: descriptor.digest });
  if (options.output === 'json') {
    return writeText(
      io.stdout,
      `${JSON.stringify({ reference: place, descriptor, manifest: parseKnownJson(bytes) })}\n`,
    );
  }
  await writeText(io.stdout, describe(place, manifest));
}

function describe(place: string, manifest: Manifest): string {
  const lines = [place, `  ${manifest.mediaType}`];
  const artifactType = artifactTypeOf(manifest);
  if (artifactType !== undefined) lines.push(`  artifact type ${artifactType}`);
  if (manifest.subject !== undefined) lines.push(`  subject ${manifest.subject.digest}`);
  for (const [key, value] of Object.entries(manifest.annotations)) lines.push(`  ${key}: ${value}`);
  const entries = manifest.kind === 'index' ? manifest.manifests : layersOf(manifest);
  for (const { digest, size, mediaType, artifactType: type, annotations, platform } of entries) {
    const title = annotations?.[annotationKeys.title] ?? type ?? mediaType;
    const of = platform === undefined ? [] : [platformOf(platform)];
    lines.push(`  ${[digest, formatBytes(size), ...of, title].join('  ')}`);
  }
  return asLines(lines);
}

/** A platform as docker and crane write it: `linux/arm64/v8`, with the version of the system where one is given. */
function platformOf(platform: Readonly<Record<string, unknown>>): string {
  const textOf = (key: string) => (typeof platform[key] === 'string' ? platform[key] : '');
  const parts = [textOf('os') || 'unknown', textOf('architecture') || 'unknown', textOf('variant')];
  const version = textOf('os.version');
  return `${parts.filter(Boolean).join('/')}${version === '' ? '' : `:${version}`}`;
}
