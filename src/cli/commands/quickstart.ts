import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '#core';
import { type ExportReport, type Publication, runExport, type VerifyReport, verifyArtifact } from '#export';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { type Io, untilInterrupted, writeText } from '../io.ts';
import { formatBytes, plural } from '../numbers.ts';
import { type CommonOptions, withCommonOptions } from '../options.ts';
import { createProgressLine, type ProgressLine } from '../progress.ts';
import {
  firstPort,
  linesToPaste,
  prepareKey,
  type QuickstartKey,
  sampleApp,
  sampleFolder,
  startOnFreePort,
} from '../quickstart.ts';
import { packageVersion } from '../version.ts';

interface QuickstartOptions extends CommonOptions {
  readonly data: string;
  readonly once: boolean;
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
    .addHelpText('after', '\nExample:\n  export-center quickstart --data data --once')
    .action((options: QuickstartOptions) => quickstart(io, options));
}

async function quickstart(io: Io, options: QuickstartOptions): Promise<void> {
  const data = resolve(options.data);
  const progress = createProgressLine(io, options.quiet);
  const key = await prepareKey(data);
  const server = await startOnFreePort(data);
  try {
    const results: Result[] = [];
    for (const { profile, name } of ARTIFACTS) {
      results.push(await exportAndVerify(io, profile, `${server.address}/${name}`, key, progress));
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

interface Result {
  readonly reference: string;
  readonly profile: string;
  readonly digest: string;
  readonly records: number;
  readonly bytesSent: number;
  readonly signed: Publication['signed'];
  readonly layersVerified: number;
}

async function exportAndVerify(
  io: Io,
  profile: string,
  reference: string,
  key: QuickstartKey,
  progress: ProgressLine,
): Promise<Result> {
  const parsed = parseReference(reference);
  const repository = await openRepository(parsed);
  try {
    const watch = { signal: io.signal, onProgress: progress.listen };
    const report: ExportReport = await runExport(
      {
        profile,
        sources: [sampleFolder],
        selector: {},
        tenant: 'default',
        withholdInvalid: false,
      },
      {
        destinations: [{ reference: parsed, repository }],
        signer: key.signer,
        builderId: 'https://stellaops.io/export-center/builder/quickstart/v1',
        builderVersion: { 'export-center': packageVersion(), node: process.versions.node },
        clock: systemClock,
        ...watch,
      },
    );
    const proof: VerifyReport = await verifyArtifact(parsed, repository, key.verifier, watch);
    const publication = report.publications[0] as Publication;
    return {
      reference,
      profile,
      digest: report.digest,
      records: report.records.kept,
      bytesSent: publication.bytesSent,
      signed: publication.signed,
      layersVerified: proof.layers.length,
    };
  } finally {
    await repository.close();
  }
}

interface Summary {
  readonly registry: string;
  readonly key: string;
  readonly artifacts: readonly Result[];
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

function describeResult({ reference, profile, digest, records, bytesSent, signed, layersVerified }: Result): string[] {
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
