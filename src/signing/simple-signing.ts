import type { Digest } from '#core';
import { asObject, asString, onlyMembers, parseSignedJson, signatureInvalid } from './faults.ts';

/** What a legacy signature signs: this manifest, under this name. */
export interface SimpleSigning {
  readonly digest: Digest;
  /** `host/repository`. cosign ignores it; podman, skopeo and CRI-O compare it with what they pull. */
  readonly dockerReference: string;
}

const TYPE = 'cosign container image signature';

/** Bytes of the payload, member for member as cosign writes it. */
export function encodeSimpleSigning({ digest, dockerReference }: SimpleSigning): Uint8Array {
  checkDockerReference(dockerReference);
  const identity = { 'docker-reference': dockerReference };
  const image = { 'docker-manifest-digest': digest };
  return Buffer.from(JSON.stringify({ critical: { identity, image, type: TYPE }, optional: null }), 'utf8');
}

/**
 * The payload in a blob. Call it only with a blob whose signature was good; any digest text is let pass,
 * since the caller has to compare it anyway.
 *
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID
 */
export function parseSimpleSigning(bytes: Uint8Array, name: string): SimpleSigning {
  const value = onlyMembers(parseSignedJson(bytes, name), ['critical', 'optional'], name);
  const critical = asObject(value['critical']) ?? {};
  onlyMembers(critical, ['identity', 'image', 'type'], name);
  const digest = asString(asObject(critical['image'])?.['docker-manifest-digest']);
  const dockerReference = asString(asObject(critical['identity'])?.['docker-reference']);
  if (critical['type'] !== TYPE || digest === undefined || dockerReference === undefined) {
    throw signatureInvalid(name, 'not the payload of a container signature');
  }
  return { digest: digest as Digest, dockerReference };
}

const REFERENCE = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+){0,127}){1,128}$/;

function checkDockerReference(text: string): void {
  if (REFERENCE.test(text)) return;
  throw new RangeError(`a signature's docker-reference is host/repository without tag or digest, not ${text}`);
}
