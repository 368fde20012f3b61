import type { Instant, JsonObject, JsonValue } from '#core';
import { encodeEnvelope, makeStatement, type Signer, signStatement, subjectOf } from '#signing';
import type { ImportReport } from './import-kit.ts';

/** The predicate of SLSA's verification summary (slsa.dev/spec/v1.0/verification_summary). */
const verificationSummary = 'https://slsa.dev/verification_summary/v1';
/** Who verifies, in a receipt. */
const VERIFIER = 'https://stellaops.io/export-center/verifier/mirror-import/v1';

/**
 * What a zone states of an import: which snapshot it holds, what was waived, what it lacks. A DSSE envelope.
 *
 * @param at when the kit was verified
 */
export async function signReceipt(report: ImportReport, at: Instant, signer: Signer): Promise<Uint8Array> {
  const { kit, stream, sequence, snapshot, target, waived, fidelity, rootVersion } = report;
  const { lacking, ...counts } = fidelity;
  const predicate: JsonObject = {
    verifier: { id: VERIFIER },
    timeVerified: at,
    resourceUri: `urn:export-center:mirror:${stream}:${sequence}`,
    policy: { uri: `urn:export-center:tuf-root:${rootVersion}` },
    verificationResult: lacking.length === 0 ? 'PASSED' : 'FAILED',
    verifiedLevels: [lacking.length === 0 ? 'SLSA_BUILD_LEVEL_UNEVALUATED' : 'FAILED'],
    slsaVersion: '1.0',
    mirror: {
      stream,
      sequence,
      kit,
      target,
      waived: waived.map(({ role, version, expires }) => ({ role, version, expires })),
      fidelity: { ...counts, lacking: lacking.map(({ name, problem }) => ({ name, problem })) } as JsonValue,
    },
  };
  const statement = makeStatement([subjectOf(snapshot)], verificationSummary, predicate);
  return encodeEnvelope(await signStatement(statement, signer));
}
