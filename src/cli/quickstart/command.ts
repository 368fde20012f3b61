import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Io, untilInterrupted, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { type CommonOptions, withCommonOptions } from '../options.ts';
import { createProgressLine } from '../progress.ts';
import { linesToPaste } from './lines.ts';
import { firstPort, prepareKey, type QuickstartKey, sampleApp, startOnFreePort } from './place.ts';
import { exportSample, type SampleArtifact } from './sample.ts';

interface QuickstartOptions extends CommonOptions {
  readonly data: string;
  readonly once: boolean;
  readonly mirror: boolean;
}

const ARTIFACTS = [
  { profile: 'json:raw', name: 'demo/evidence:1' },
  { profile: 'trivy:db', name: 'demo/trivy-db:2' },
] as const;

/** `quickstart`: the whole line on the shipped sample, then lines to paste. */
export function quickstartCommand(command: Command, io: Io): void {
  withCommonOptions(command)
    .option('--data <dir>', 'directory for the key, the registry and the trust files', 'data')
    .option('--once', 'exit when done, instead of serving until Ctrl-C', false)
    .option('--mirror', 'show how a mirror of the sample crosses an air gap instead', false)
    .addHelpText(
      'after',
      `
Examples:
  export-center quickstart --data data --once
  export-center quickstart --mirror`,
    )
    .action(async (options: QuickstartOptions) => {
      if (!options.mirror) return quickstart(io, options);
      // Most runs do without mirrors.
      return (await import('./crossing.ts')).showCrossing(io, options);
    });
}

async function quickstart(io: Io, options: QuickstartOptions): Promise<void> {
  const data = resolve(options.data);
  const progress = createProgressLine(io, options.quiet);
  const key = await prepareKey(data);
  const server = await startOnFreePort(data);
  try {
    const results: SampleArtifact[] = [];
    for (const { profile, name } of ARTIFACTS) {
      results.push(await exportSample(io, profile, `${server.address}/${name}`, key, progress));
    }
    progress.clear();
    const [records, database] = ARTIFACTS.map(({ name }) => `${server.address}/${name}`) as [string, string];
    const lines = linesToPaste({ cwd: process.cwd(), data, app: sampleApp, records, database });
    const summary = { registry: `http://${server.address}`, key: key.verifier.keyid, artifacts: results, lines };
    await writeText(
      io.stdout,
      options.output === 'json' ? `${JSON.stringify(summary)}\n` : describe(summary, key, options),
    );
    if (!options.once) await untilInterrupted(io.signal);
  } finally {
    progress.clear();
    await server.close();
  }
}

interface Summary {
  readonly registry: string;
  readonly key: string;
  readonly artifacts: readonly SampleArtifact[];
  readonly lines: readonly string[];
}

function describe(
  { registry, key, artifacts, lines }: Summary,
  { made }: QuickstartKey,
  { data, once }: QuickstartOptions,
): string {
  const text = [
    `signing key ${key}, ${made ? 'created' : 'found'} in ${data}/keys, with an empty password`,
    `registry ${registry}, kept in ${data}/registry${registry.endsWith(`:${firstPort}`) ? '' : ` (port ${firstPort} is in use)`}`,
    '',
    ...artifacts.flatMap(describeResult),
    once
      ? `To use these lines, first run: export-center quickstart --data ${data}`
      : 'Paste these into another terminal:',
    '',
    ...lines.map((line) => `  ${line}`),
    '',
  ];
  if (!once) text.push('Serving until Ctrl-C.');
  return `${text.join('\n')}\n`;
}

function describeResult({
  reference,
  profile,
  digest,
  records,
  bytesSent,
  signed,
  layersVerified,
}: SampleArtifact): string[] {
  const sent = bytesSent === 0 ? 'everything already present, 0 bytes sent' : `${formatBytes(bytesSent)} sent`;
  const signature =
    signed === 'present' ? 'signature and provenance already present, nothing signed' : 'signed, with provenance';
  return [
    `${reference}  ${profile}, ${plural(records, 'record')}`,
    `  ${digest}`,
    `  ${sent}; ${signature}`,
    `  verified with the public key alone, ${plural(layersVerified, 'layer')} read and checked`,
    '',
  ];
}
