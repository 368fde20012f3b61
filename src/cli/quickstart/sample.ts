import { systemClock } from '#core';
import { type ExportReport, type Publication, runExport, type VerifyReport, verifyArtifact } from '#export';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import type { Io } from '../io.ts';
import type { ProgressLine } from '../progress.ts';
import { packageVersion } from '../version.ts';
import { type QuickstartKey, sampleFolder } from './place.ts';

/** An artifact that was exported from the sample and verified. */
export interface SampleArtifact {
  readonly reference: string;
  readonly profile: string;
  readonly digest: string;
  readonly records: number;
  readonly bytesSent: number;
  readonly signed: Publication['signed'];
  readonly layersVerified: number;
}

/** Exports the sample by a profile to a reference, and verifies it with the public key. */
export async function exportSample(
  io: Io,
  profile: string,
  reference: string,
  key: QuickstartKey,
  progress: ProgressLine,
): Promise<SampleArtifact> {
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
