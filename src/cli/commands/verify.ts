import type { Command } from 'commander';
import { type VerifyReport, verifyArtifact } from '#export';
import { openRepository, parseReference } from '#oci';
import { type Io, writeText } from '../io.ts';
import { loadVerifier } from '../key-files.ts';
import { formatBytes, plural } from '../numbers.ts';
import { asLines } from '../one-line.ts';
import { createProgressLine } from '../progress.ts';
import {
  type CommonOptions,
  openOptions,
  type TransportOptions,
  withCommonOptions,
  withTransportOptions,
} from './options.ts';

interface VerifyCommandOptions extends CommonOptions, TransportOptions {
  readonly key: string;
}

/** `verify`: proves an artifact with the public key alone. */
export function verifyCommand(command: Command, io: Io): void {
  command
    .argument('<reference>', 'the artifact, by tag or digest')
    .requiredOption('--key <file>', 'the public key, cosign.pub')
    .addHelpText(
      'after',
      '\nExample:\n  export-center verify 127.0.0.1:8080/security/trivy-db:2 --key keys/cosign.pub',
    );
  withTransportOptions(withCommonOptions(command)).action((text: string, options: VerifyCommandOptions) =>
    verifyReference(io, text, options),
  );
}

async function verifyReference(io: Io, text: string, options: VerifyCommandOptions): Promise<void> {
  const reference = parseReference(text);
  const verifier = await loadVerifier(options.key);
  const progress = createProgressLine(io, options.quiet);
  const repository = await openRepository(reference, await openOptions(io, [reference], options, progress));
  let report: VerifyReport;
  try {
    report = await verifyArtifact(reference, repository, verifier, { signal: io.signal, onProgress: progress.listen });
  } finally {
    progress.clear();
    await repository.close();
  }
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(report)}\n` : describeProof(report));
}

/** What has been proven, for a person. */
function describeProof(report: VerifyReport): string {
  const total = report.layers.reduce((sum, layer) => sum + layer.size, 0);
  const lines = [
    `verified  ${report.reference}`,
    `  key         ${report.keyid}`,
    `  signature   ${report.signatureForms.join(' and ')} form`,
    `  provenance  ${report.provenanceForms.join(' and ')} form, by ${report.builders.join(', ')}`,
    `  content     ${report.profile} of ${report.tenant}, as of ${report.asOf}, ${plural(report.records.kept, 'record')}`,
    `  layers      ${report.layers.length} read whole, ${formatBytes(total)}`,
  ];
  if (report.strangers > 0) lines.push(`  not judged  ${plural(report.strangers, 'signature')} by other keys`);
  return asLines(lines);
}
