import type { KeyObject } from 'node:crypto';
import { type Digest, type Instant, isCoded, type JsonObject, mediaTypes } from '#core';
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  encodeStatement,
  isSignedByEd25519,
  keyidOf,
  makeStatement,
  parseStatement,
  type Signer,
  type Statement,
  signStatement,
  subjectOf,
} from '#signing';
import { kitFault } from '../faults.ts';
import { checkMirrorReceipt, type Fidelity, type MirrorReceipt, type Waived } from './mirror-receipt.generated.ts';

/** The predicate of SLSA's verification summary (slsa.dev/spec/v1.0/verification_summary). */
const verificationSummary = 'https://slsa.dev/verification_summary/v1';
const resourcePrefix = 'urn:export-center:mirror:';
const rootPrefix = 'urn:export-center:tuf-root:';

/** What a zone states of an import. */
export interface Receipt {
  /** What the zone calls itself. */
  readonly zone?: string | undefined;
  readonly stream: string;
  readonly sequence: number;
  /** Of the snapshot's manifest. */
  readonly snapshot: Digest;
  /** The id of the kit that brought it. */
  readonly kit: Digest;
  /** The registry or layout of the zone. */
  readonly target: string;
  /** Of the TUF root that was trusted. */
  readonly rootVersion: number;
  /** TUF metadata that had expired and was accepted. */
  readonly waived: readonly Waived[];
  readonly fidelity: Fidelity;
  /** When the kit was verified. */
  readonly at: Instant;
}

/** Most of a receipt are the objects that a target lacks. */
export const maxReceiptBytes = 64 * 1024 * 1024;
const MAX_PROBLEM_LENGTH = 1000;

/** Signs what a zone states of an import: a DSSE envelope. @param signer of an Ed25519 key */
export async function signReceipt(receipt: Receipt, signer: Signer): Promise<Uint8Array> {
  return encodeEnvelope(await signStatement(statementOf(receipt), signer));
}

/** The statement of a receipt: a verification summary about the snapshot's manifest. */
function statementOf(receipt: Receipt): Statement {
  const { zone, kit, stream, sequence, snapshot, target, waived, fidelity, rootVersion, at } = receipt;
  const isWhole = fidelity.lacking.length === 0;
  const predicate: MirrorReceipt = {
    verifier: { id: 'https://stellaops.io/export-center/verifier/mirror-import/v1' },
    timeVerified: at,
    resourceUri: `${resourcePrefix}${stream}:${sequence}`,
    policy: { uri: `${rootPrefix}${rootVersion}` },
    verificationResult: isWhole ? 'PASSED' : 'FAILED',
    verifiedLevels: [isWhole ? 'SLSA_BUILD_LEVEL_UNEVALUATED' : 'FAILED'],
    slsaVersion: '1.0',
    mirror: {
      ...(zone === undefined ? {} : { zone }),
      ...{ stream, sequence, kit, target },
      waived: waived.map(({ role, version, expires }) => ({ role, version, expires })),
      fidelity: {
        ...fidelity,
        // Registries answer at any length.
        lacking: fidelity.lacking.map(({ name, problem }) => ({ name, problem: problem.slice(0, MAX_PROBLEM_LENGTH) })),
      },
    },
  };
  // Interfaces have no index signature, so the compiler does not see that this holds nothing but JSON.
  return makeStatement([subjectOf(snapshot)], verificationSummary, predicate as unknown as JsonObject);
}

/**
 * The receipt in an envelope that a zone's key signed: byte for byte the statement that signReceipt writes, so that
 * none of its parts contradicts another one.
 *
 * @param key Ed25519
 * @param name what the receipt is called in an error
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID where this key did not sign it, ERR_EXPORT_RECEIPT_INVALID where it
 *   signed something else
 */
export function verifyReceipt(bytes: Uint8Array, key: KeyObject, name: string): Receipt {
  const envelope = envelopeIn(bytes, name);
  if (isBy(envelope, key)) return receiptIn(envelope, name);
  const hint = 'get the receipt from the zone again; check which key the zone signs with';
  throw kitFault('ERR_EXPORT_SIGNATURE_INVALID', name, `not signed by the key ${keyidOf(key)}`, hint);
}

/**
 * As verifyReceipt, by whichever of these zones signed it.
 *
 * @throws CodedError ERR_EXPORT_RECEIPT_INVALID too where the receipt calls the zone by another name
 */
export function verifyReceiptOf(
  bytes: Uint8Array,
  zones: readonly { readonly name: string; readonly key: KeyObject }[],
  name: string,
): { readonly zone: string; readonly receipt: Receipt } {
  const envelope = envelopeIn(bytes, name);
  const zone = zones.find(({ key }) => isBy(envelope, key));
  if (zone === undefined) {
    const hint = 'add the zone with: export-center mirror zone add SPEC NAME --key PUB; or get the receipt again';
    throw kitFault('ERR_EXPORT_SIGNATURE_INVALID', name, 'not signed by the key of a known zone', hint);
  }
  const receipt = receiptIn(envelope, name);
  if (receipt.zone === undefined || receipt.zone === zone.name) return { zone: zone.name, receipt };
  const what = `says that it is of zone ${receipt.zone}, but the key of zone ${zone.name} signed it`;
  throw kitFault('ERR_EXPORT_RECEIPT_INVALID', name, what, 'use one name for a zone, inside and outside');
}

function envelopeIn(bytes: Uint8Array, name: string): Envelope {
  if (bytes.byteLength > maxReceiptBytes) throw invalid(name, `more than ${maxReceiptBytes} bytes`);
  try {
    return decodeEnvelope(bytes, name);
  } catch (cause) {
    if (!isCoded(cause, 'ERR_EXPORT_SIGNATURE_INVALID')) throw cause;
    const hint = 'specify the file that export-center mirror import --zone-key FILE wrote; get it from the zone again';
    throw kitFault('ERR_EXPORT_RECEIPT_INVALID', name, 'not a receipt, or a damaged one', hint, cause);
  }
}

function isBy(envelope: Envelope, key: KeyObject): boolean {
  return (envelope.keyid === '' || envelope.keyid === keyidOf(key)) && isSignedByEd25519(envelope, key);
}

function receiptIn({ payloadType, payload }: Envelope, name: string): Receipt {
  if (payloadType !== mediaTypes.inToto) {
    throw invalid(name, `payload of type ${JSON.stringify(payloadType.slice(0, 100))}`);
  }
  const statement = parseStatement(payload, name);
  if (statement.predicateType !== verificationSummary) throw invalid(name, 'not a verification summary');
  const receipt = receiptFrom(statement, name);
  if (Buffer.from(encodeStatement(statementOf(receipt))).equals(payload)) return receipt;
  throw invalid(name, 'its parts contradict each other, or it has other bytes than mirror import writes');
}

function receiptFrom({ subject: [subject], predicate }: Statement, name: string): Receipt {
  const { mirror, timeVerified, policy } = checkPredicate(predicate, name);
  const [algorithm, hex] = Object.entries(subject?.digest ?? {})[0] ?? [];
  return {
    ...mirror,
    snapshot: `${algorithm}:${hex}` as Digest,
    rootVersion: Number(policy.uri.slice(rootPrefix.length)),
    at: timeVerified,
  };
}

function checkPredicate(predicate: JsonObject, name: string): MirrorReceipt {
  try {
    return checkMirrorReceipt(predicate, name);
  } catch (error) {
    if (!isCoded(error, 'ERR_EXPORT_SCHEMA')) throw error;
    throw invalid(name, error.message.slice(name.length + 2), error);
  }
}

function invalid(name: string, what: string, cause?: unknown) {
  const hint = 'get the receipt from the zone again, as mirror import --zone-key wrote it';
  return kitFault('ERR_EXPORT_RECEIPT_INVALID', name, what, hint, cause);
}
